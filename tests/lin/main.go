// lin: are the histories of concurrent clients linearizable?
//
//	lin run   [-histories N] [-seed S] [-operations N] [-at-once N] [-dibs PROGRAM] [-out FOLDER]
//	lin check FILE…
//
// run starts `dibs serve` on a throw-away data directory and plays histories: 8 to 16 clients each, who claim, confirm,
// cancel, read, pause and restock one drop, while the server is killed and started again, and clients go away in the
// middle. Each history is checked by porcupine against the rules of model.go, and once more with one answer changed,
// which has to be found. check does so for histories that were kept. The last line is "N passed, N failed".
package main

import (
	"flag"
	"fmt"
	"math/rand"
	"os"
	"os/signal"
	"runtime"
	"sort"
	"syscall"
	"time"

	"github.com/anishathalye/porcupine"
)

var (
	startMono = time.Now()
	startWall = startMono.UnixNano()
)

func sinceStart() int64 { return int64(time.Since(startMono)) }

func wallAt(since int64) int64 { return (startWall + since) / 1e6 }

func wallMs() int64 { return wallAt(sinceStart()) }

// Every run of a hundred histories or more is to meet all of these.
var required = []string{
	"claim pending", "claim completed", "claim again pending", "claim again completed", "claim again canceled",
	"claim key_reused", "claim limit_reached", "claim too_many_orders", "claim not_open", "claim paused", "claim closed",
	"claim all_held", "claim sold_out", "claim lost, granted", "claim lost, nothing", "half a question",
	"confirm completed", "confirm refund_due", "confirm lost", "cancel canceled", "cancel wrong_state", "cancel lost",
	"order pending", "order completed", "order canceled", "order expired", "list list",
	"view scheduled", "view open", "view paused", "view closed", "open done", "open wrong_state", "pause done",
	"pause wrong_state", "resume done", "close done", "restock done", "restock fewer", "restock wrong_state",
	"restock key_reused", "restock lost", "restart", "audit",
}

const requiredFrom = 100

func seconds(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }

// processorSeconds: of this process and of all that it has started and seen end.
func processorSeconds() float64 {
	var own, others syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &own)
	syscall.Getrusage(syscall.RUSAGE_CHILDREN, &others)
	return seconds(own.Utime) + seconds(own.Stime) + seconds(others.Utime) + seconds(others.Stime)
}

func (r *run) report(wall time.Duration) {
	var kinds []string
	for kind := range r.table {
		kinds = append(kinds, kind)
	}
	sort.Strings(kinds)
	for _, kind := range kinds {
		fmt.Printf("%8d  %s\n", r.table[kind], kind)
	}
	if r.played >= requiredFrom {
		for _, kind := range required {
			if r.table[kind] == 0 {
				r.fail("%s never came about", kind)
			}
		}
	}
	busy := processorSeconds()
	fmt.Printf("%d histories in %.1f s: %.1f/s; %.1f s of processor, server and all: %.1f/s per core; %.1f s of it checking\n",
		r.played, wall.Seconds(), float64(r.played)/wall.Seconds(), busy, float64(r.played)/busy, r.took.Seconds())
	fmt.Printf("%d with one answer changed, all found\n", r.spoilt)
	fmt.Printf("%d passed, %d failed\n", r.passed, r.failed)
}

func draw(h *History, path string) porcupine.CheckResult {
	model, operations := puzzle(drawable(h))
	result, info := porcupine.CheckOperationsVerbose(model, operations, decideWithin)
	if err := porcupine.VisualizePath(model, info, path); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return result
}

// drawable: what never returned is drawn until a little after the end.
func drawable(h *History) *History {
	last := int64(0)
	for i := range h.Operations {
		if o := &h.Operations[i]; o.Return != never && o.Return > last {
			last = o.Return
		}
	}
	drawn := *h
	drawn.Operations = append([]Operation(nil), h.Operations...)
	for i := range drawn.Operations {
		if drawn.Operations[i].Return == never {
			drawn.Operations[i].Return = last + int64(time.Millisecond)
		}
	}
	return &drawn
}

func check(paths []string) int {
	passed, failed := 0, 0
	for _, path := range paths {
		h, err := readHistory(path)
		if err != nil {
			fmt.Printf("FAILED %s: %v\n", path, err)
			failed++
			continue
		}
		result := draw(h, path+".html")
		fmt.Printf("%s: %s, drawn in %s.html\n", path, result, path)
		if result == porcupine.Ok {
			passed++
		} else {
			failed++
		}
	}
	fmt.Printf("%d passed, %d failed\n", passed, failed)
	return failed
}

func runAll(arguments []string) int {
	r := &run{table: map[string]int{}, checkers: make(chan struct{}, runtime.GOMAXPROCS(0))}
	flags := flag.NewFlagSet("lin run", flag.ExitOnError)
	flags.IntVar(&r.histories, "histories", 2000, "how many")
	flags.IntVar(&r.operations, "operations", 200, "asked in each")
	flags.IntVar(&r.atOnce, "at-once", 100, "histories at once on one server")
	flags.Int64Var(&r.seed, "seed", 1, "what is asked, and when the server is killed")
	flags.StringVar(&r.program, "dibs", "build/src/cli/dibs", "the program")
	flags.StringVar(&r.out, "out", "build/lin", "folder for histories that fail")
	flags.Parse(arguments)
	r.dice = rand.New(rand.NewSource(r.seed))
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	r.leaveNothing()
	r.all()
	return r.failed
}

// leaveNothing: neither a server nor its folder stays behind when somebody stops the run.
func (r *run) leaveNothing() {
	stopped := make(chan os.Signal, 1)
	signal.Notify(stopped, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-stopped
		r.server.process.Process.Kill()
		os.RemoveAll(r.folder)
		os.Exit(1)
	}()
}

func main() {
	failed := 1
	switch {
	case len(os.Args) > 1 && os.Args[1] == "run":
		failed = runAll(os.Args[2:])
	case len(os.Args) > 2 && os.Args[1] == "check":
		failed = check(os.Args[2:])
	default:
		fmt.Fprintln(os.Stderr, "lin run [-histories N] [-seed S] …  |  lin check FILE…")
		os.Exit(2)
	}
	if failed > 0 {
		os.Exit(1)
	}
}

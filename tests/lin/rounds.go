package main

// Rounds: a few dozen histories at once on one server, which is killed and started again while they are played. A data
// directory serves some rounds; then it is stopped in good order and `dibs audit` looks at it.

import (
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
)

const (
	roundsPerFolder = 25
	decideWithin    = 20 * time.Second // one history; longer is a failure: nothing was proved
	startsWithin    = 2000             // ms of a round in which its quick histories begin
)

type options struct {
	histories, operations, atOnce int
	seed                          int64
	program, out                  string
}

type run struct {
	options
	dice     *rand.Rand
	server   *server
	position position
	folder   string
	checks   sync.WaitGroup
	checkers chan struct{}

	lock   sync.Mutex
	table  map[string]int
	passed int
	failed int
	played int
	spoilt int
	took   time.Duration // of the checker
}

func (r *run) fail(format string, of ...interface{}) {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.failed++
	fmt.Printf("FAILED "+format+"\n", of...)
}

func (r *run) count(kind string, n int) {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.table[kind] += n
}

// ---- one history ----

func (r *run) someHistory(number int) (*play, time.Duration) {
	dice := rand.New(rand.NewSource(r.seed<<20 + int64(number)))
	slow := dice.Intn(4) == 0
	spec := someSpec(dice, fmt.Sprintf("h%d", number), slow)
	if !slow && dice.Intn(8) == 0 {
		spec = greedySpec(dice, spec.ID)
	}
	p := &play{history: &History{Seed: r.seed, Number: number, Spec: spec}, server: r.server, position: &r.position,
		slow: slow, left: int64(r.operations)}
	if slow {
		return p, 0
	}
	return p, time.Duration(dice.Intn(startsWithin)) * time.Millisecond
}

func (r *run) judge(p *play) {
	defer r.checks.Done()
	r.checkers <- struct{}{}
	defer func() { <-r.checkers }()
	if p.fault != nil {
		r.fail("history %d: %v", p.history.Number, p.fault)
		return
	}
	begun := time.Now()
	result := decide(p.history)
	if result != porcupine.Ok {
		r.keep(p.history, result)
		return
	}
	spoilt := spoil(p.history, rand.New(rand.NewSource(p.history.Seed+int64(p.history.Number))))
	if spoilt != nil && decide(spoilt) != porcupine.Illegal {
		r.keep(spoilt, "Spoilt, and not found")
		return
	}
	r.tally(p, spoilt != nil, time.Since(begun))
}

func (r *run) tally(p *play, spoilt bool, took time.Duration) {
	lost := 0
	r.count("operations", len(p.history.Operations))
	for i := range p.history.Operations {
		o := &p.history.Operations[i]
		r.count(kindOf(&o.In, &o.Out), 1)
		if o.Out.Lost && o.In.Kind == kindClaim {
			lost++
		}
		if o.In.Kind == kindOrder && o.Out.Order.Ended != 0 && o.In.From > o.Out.Order.Ended+p.history.Spec.KeepMs+skewMs {
			r.count("order that may have left the memory", 1)
		}
	}
	granted := len(factsOf(p.history).untold)
	r.count("claim lost, granted", granted)
	r.count("claim lost, nothing", lost-granted)
	r.count("half a question", p.half)
	r.count("not now", p.notNow)
	r.lock.Lock()
	defer r.lock.Unlock()
	r.passed++
	r.took += took
	if spoilt {
		r.spoilt++
	}
}

// keep writes a history that is wrong where it can be looked at, and checked again.
func (r *run) keep(h *History, result porcupine.CheckResult) {
	path := filepath.Join(r.out, fmt.Sprintf("failed-%d-%d.json", h.Seed, h.Number))
	if err := h.write(path); err != nil {
		r.fail("history %d: %s; it cannot be kept: %v", h.Number, result, err)
		return
	}
	draw(h, path+".html")
	r.fail("history %d: %s; drawn in %s.html; check it again: %s check %s", h.Number, result, path, os.Args[0], path)
}

// ---- a round ----

// kills until the round is over; returns how many.
func (r *run) kills(dice *rand.Rand, times int, over chan struct{}) int {
	for n := 0; n < times; n++ {
		select {
		case <-over:
			return n
		case <-time.After(time.Duration(100+dice.Intn(startsWithin-200)/times) * time.Millisecond):
		}
		if err := r.server.kill(); err != nil {
			r.fail("kill: %v", err)
			return n
		}
		if err := r.server.launch(); err != nil {
			r.fail("start: %v", err)
			return n
		}
	}
	return times
}

func (r *run) round(first, count int) {
	var playing sync.WaitGroup
	over := make(chan struct{})
	for number := first; number < first+count; number++ {
		p, wait := r.someHistory(number)
		playing.Add(1)
		r.checks.Add(1)
		go func(seed int64) {
			defer playing.Done()
			time.Sleep(wait)
			p.perform(seed)
			go r.judge(p)
		}(r.dice.Int63())
	}
	times := 1 + r.dice.Intn(3)
	killed := make(chan int)
	go func() { killed <- r.kills(rand.New(rand.NewSource(r.dice.Int63())), times, over) }()
	playing.Wait()
	close(over)
	r.count("restart", <-killed)
	r.checks.Wait()
	r.played += count
}

// ---- a data directory ----

func (r *run) begin() error {
	folder, err := os.MkdirTemp("", "dibs-lin-")
	if err != nil {
		return err
	}
	r.folder, r.server, r.position = folder, newServer(r.program, folder), position{}
	return r.server.launch()
}

func (r *run) end() {
	if r.server.broken == nil {
		if err := r.server.stop(); err != nil {
			r.fail("stop: %v\n%s", err, r.server.said())
		} else if err := r.server.audit(); err != nil {
			r.fail("%v", err)
		} else {
			r.count("audit", 1)
		}
	}
	os.RemoveAll(r.folder)
}

func (r *run) all() {
	begun := time.Now()
	for number := 0; r.played < r.histories; number++ {
		if number%roundsPerFolder == 0 {
			if number > 0 {
				r.end()
			}
			if err := r.begin(); err != nil {
				r.fail("%v", err)
				break
			}
		}
		count := r.atOnce
		if r.histories-r.played < count {
			count = r.histories - r.played
		}
		r.round(r.played+1, count)
		fmt.Printf("%d histories, %d failed, %d restarts, %.1f s\n", r.played, r.failed, r.table["restart"],
			time.Since(begun).Seconds())
		if r.server.broken != nil {
			r.fail("%v", r.server.broken)
			break
		}
	}
	r.end()
	r.report(time.Since(begun))
}

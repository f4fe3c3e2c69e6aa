package main

// The server under test: the real program on a throw-away data directory, killed and started again in between.

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	startPatience = 60 * time.Second
	stopPatience  = 60 * time.Second
)

type server struct {
	program, folder string

	lock    sync.Mutex
	changed *sync.Cond
	process *exec.Cmd
	port    int
	start   int           // which start it is, from 1
	died    map[int]int64 // start -> wall time by which that process was gone
	broken  error         // it does not start, or ended by itself
	stopped bool
	key     string
	stderr  bytes.Buffer // of this start
	exited  chan error
}

func newServer(program, folder string) *server {
	s := &server{program: program, folder: folder, died: map[int]int64{}}
	s.changed = sync.NewCond(&s.lock)
	return s
}

func (s *server) data() string { return filepath.Join(s.folder, "data") }

func environment() []string {
	var kept []string
	for _, setting := range os.Environ() {
		if !strings.HasPrefix(setting, "DIBS_") {
			kept = append(kept, setting)
		}
	}
	return kept
}

// launch returns when the server listens; what it is asked before it is ready simply waits.
func (s *server) launch() error {
	command := exec.Command(s.program, "serve", "--data", s.data(), "--listen", "127.0.0.1:0", "--segment-size", "1MiB",
		"--snapshot-records", "1500", "--snapshot-interval", "0s")
	command.Env = environment()
	pipe, err := command.StderrPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return err
	}
	listening, exited := make(chan int, 1), make(chan error, 1)
	s.lock.Lock()
	s.stderr.Reset()
	s.start++
	s.process, s.exited = command, exited
	start := s.start
	s.lock.Unlock()
	go s.listen(bufio.NewScanner(pipe), start, command, listening, exited)
	select {
	case port := <-listening:
		return s.announce(port)
	case <-time.After(startPatience):
		s.kill()
	case err = <-exited:
		exited <- err
	}
	return s.fail(fmt.Errorf("it does not start: %v\n%s", err, s.said()))
}

// listen reads what a process says until it is gone, and notes when that was.
func (s *server) listen(lines *bufio.Scanner, start int, command *exec.Cmd, listening chan int, exited chan error) {
	for lines.Scan() {
		s.lock.Lock()
		s.stderr.WriteString(lines.Text() + "\n")
		s.lock.Unlock()
		var event struct {
			Event string `json:"event"`
			Port  int    `json:"port"`
		}
		if json.Unmarshal(lines.Bytes(), &event) == nil && event.Event == "listening" {
			listening <- event.Port
		}
	}
	err := command.Wait()
	s.lock.Lock()
	s.died[start] = wallMs()
	s.lock.Unlock()
	exited <- err
}

func (s *server) said() string {
	s.lock.Lock()
	defer s.lock.Unlock()
	return s.stderr.String()
}

func (s *server) announce(port int) error {
	key, err := s.readKey()
	if err != nil {
		return s.fail(err)
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	s.port, s.key = port, key
	s.changed.Broadcast()
	return nil
}

// The key is written after the port is announced, at the first start.
func (s *server) readKey() (string, error) {
	for end := time.Now().Add(startPatience); ; time.Sleep(5 * time.Millisecond) {
		text, err := os.ReadFile(filepath.Join(s.data(), "admin.key"))
		if key := strings.TrimSpace(string(text)); key != "" || time.Now().After(end) {
			return key, err
		}
	}
}

func (s *server) fail(err error) error {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.broken = err
	s.changed.Broadcast()
	return err
}

// kill -9, and waits until it is gone.
func (s *server) kill() error {
	s.lock.Lock()
	s.port = 0
	process, exited := s.process, s.exited
	s.lock.Unlock()
	select {
	case err := <-exited:
		return s.fail(fmt.Errorf("it ended by itself: %v\n%s", err, s.said()))
	default:
	}
	process.Process.Kill()
	<-exited
	return nil
}

func (s *server) stop() error {
	s.lock.Lock()
	s.port, s.stopped = 0, true
	process, exited := s.process, s.exited
	s.changed.Broadcast()
	s.lock.Unlock()
	process.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-exited:
		return err
	case <-time.After(stopPatience):
		process.Process.Kill()
		<-exited
		return fmt.Errorf("it does not stop")
	}
}

// connect waits for a server that listens; an error: there will be none.
func (s *server) connect(c *connection) error {
	for {
		s.lock.Lock()
		for s.port == 0 && s.broken == nil && !s.stopped {
			s.changed.Wait()
		}
		port, start, key, broken := s.port, s.start, s.key, s.broken
		s.lock.Unlock()
		if broken != nil {
			return broken
		}
		if port == 0 {
			return fmt.Errorf("the server is stopped")
		}
		socket, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			c.socket, c.reader, c.server, c.key = socket, bufio.NewReader(socket), start, key
			return nil
		}
		if err := s.watch(start); err != nil {
			return err
		}
	}
}

// watch tells a process that nobody killed from one that was.
func (s *server) watch(start int) error {
	time.Sleep(10 * time.Millisecond)
	s.lock.Lock()
	_, dead := s.died[start]
	byItself := dead && s.port != 0 && s.start == start
	s.lock.Unlock()
	if byItself {
		return s.fail(fmt.Errorf("it ended by itself:\n%s", s.said()))
	}
	return nil
}

// gone is the wall time by which that start's process had ended; never, when it has not.
func (s *server) gone(start int) int64 {
	s.lock.Lock()
	defer s.lock.Unlock()
	if wall, dead := s.died[start]; dead {
		return wall
	}
	return never
}

// audit: what dibs itself says of the data directory.
func (s *server) audit() error {
	said, err := exec.Command(s.program, "audit", "--data", s.data()).CombinedOutput()
	if err != nil {
		return fmt.Errorf("audit: %v\n%s", err, said)
	}
	return nil
}

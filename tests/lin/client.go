package main

// A client asks, and writes down what it heard, or that it heard nothing.

import (
	"fmt"
	"math/rand"
	"sync"
	"sync/atomic"
	"time"
)

const (
	notNowPause     = 2 * time.Millisecond
	historyPatience = 2 * time.Minute
)

// ---- writing down ----

func (p *play) failed(err error) {
	p.lock.Lock()
	defer p.lock.Unlock()
	if p.fault == nil {
		p.fault = err
	}
}

func (p *play) broken() bool {
	p.lock.Lock()
	defer p.lock.Unlock()
	return p.fault != nil
}

func (p *play) write(o Operation) {
	atomic.AddInt64(&p.left, -1)
	p.lock.Lock()
	defer p.lock.Unlock()
	p.history.Operations = append(p.history.Operations, o)
	if o.Out.Order != nil && o.In.Kind == kindClaim && !o.Out.Replayed {
		p.orders = append(p.orders, o.Out.Order.ID)
	}
}

// heard writes an answer down. "Not now" took nothing and is no operation: if it did, nothing in the history explains
// that. An administrative answer shows the drop: that is a reading of its own, within the same time.
func (c *client) heard(o Operation) {
	notNow := o.Out.Code == "overloaded" || o.Out.Code == "log_unavailable"
	switch {
	case o.Out.Code == "unknown_outcome":
		c.lost(o)
		return
	case notNow:
		c.lock.Lock()
		c.notNow++
		c.lock.Unlock()
		time.Sleep(notNowPause)
		return
	case o.Out.View != nil && o.In.Kind != kindView:
		shown := o
		shown.In = In{Kind: kindView, From: o.In.From, To: o.In.To}
		shown.Client = int(atomic.AddInt32(&c.clients, 1))
		c.write(shown)
		atomic.AddInt64(&c.left, 1) // one was asked
		o.Out.View = nil
	}
	c.write(o)
}

// lost: it may take effect later, as long as the process lives that was asked. A reading that nobody heard is nothing.
func (c *client) lost(o Operation) {
	o.Return, o.In.To, o.Out = never, never, Out{Lost: true}
	if !o.In.reads() {
		c.write(o)
	}
	c.number = int(atomic.AddInt32(&c.clients, 1))
}

// ---- asking ----

// ask is one question; it returns what was heard, or nil.
func (c *client) ask(in In) *Out {
	if c.connection.socket == nil {
		if err := c.server.connect(&c.connection); err != nil {
			c.failed(err)
			return nil
		}
	}
	o := Operation{Client: c.number, In: in, Server: c.connection.server, Call: sinceStart()}
	o.In.From = wallAt(o.Call) - skewMs
	text := c.connection.bytes(in.request(c.history.Spec.ID))
	if c.leaves(&o, text) {
		return nil
	}
	err := c.connection.send(text)
	var answer *reply
	if err == nil {
		answer, err = c.connection.receive()
	}
	o.Return = sinceStart()
	o.In.To = wallAt(o.Return) + skewMs
	if err != nil {
		c.lost(o)
		c.connection.close()
		return nil
	}
	if o.Out, err = answer.out(in.Kind); err != nil {
		c.failed(fmt.Errorf("%s: %v: %d %s", question(&in), err, answer.status, answer.body))
		return nil
	}
	c.heard(o)
	return &o.Out
}

// leaves: now and then a client goes away before the answer, or in the middle of its question. Half a question is no
// operation: if it took effect, nothing in the history explains that.
func (c *client) leaves(o *Operation, text []byte) bool {
	n := c.dice.Intn(100)
	if o.In.reads() || n > 2 {
		return false
	}
	if n == 0 && len(o.In.Lines) > 0 {
		c.connection.send(text[:len(text)-1])
		c.lock.Lock()
		c.half++
		c.lock.Unlock()
	} else {
		c.connection.send(text)
		if n == 1 {
			time.Sleep(time.Duration(c.dice.Intn(1500)) * time.Microsecond)
		}
		c.lost(*o)
	}
	c.connection.close()
	return true
}

func (c *client) think() {
	if c.slow {
		time.Sleep(time.Duration(c.dice.Intn(300)) * time.Millisecond)
	}
}

func (c *client) run() {
	defer c.connection.close()
	for end := time.Now().Add(historyPatience); atomic.LoadInt64(&c.left) > 0 && !c.broken(); {
		if time.Now().After(end) {
			c.failed(fmt.Errorf("it did not come to its end in %s", historyPatience))
		}
		c.think()
		c.ask(c.something())
	}
}

// ---- a whole history ----

func (p *play) newClient(seed int64) *client {
	c := &client{play: p, dice: rand.New(rand.NewSource(seed)), number: int(atomic.AddInt32(&p.clients, 1))}
	c.connection.position = p.position
	return c
}

// found creates the drop; that is before the history begins.
func (c *client) found() {
	for !c.broken() {
		if c.connection.socket == nil {
			if err := c.server.connect(&c.connection); err != nil {
				c.failed(err)
				return
			}
		}
		err := c.connection.send(c.connection.bytes(
			&request{"PUT", "/v1/drops/" + c.history.Spec.ID, "", c.history.Spec.body()}))
		var answer *reply
		if err == nil {
			answer, err = c.connection.receive()
		}
		if err != nil {
			c.connection.close()
			continue
		}
		if answer.status == 200 || answer.status == 201 {
			return
		}
		if answer.status != 503 {
			c.failed(fmt.Errorf("the drop is not created: %d %s", answer.status, answer.body))
		}
	}
}

// until asks until there is an answer.
func (c *client) until(in In) {
	for !c.broken() {
		if out := c.ask(in); out != nil && out.Status != 503 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// settle asks again, with its key, whatever was lost, as a buyer would; then everything is looked at once more.
func (c *client) settle() {
	asked := map[string]bool{}
	for _, o := range append([]Operation(nil), c.history.Operations...) {
		if o.Out.Lost && o.In.Key != "" && !asked[o.In.Buyer+" "+o.In.Key] {
			asked[o.In.Buyer+" "+o.In.Key] = true
			in := o.In
			c.until(in)
		}
	}
	c.until(In{Kind: kindList})
	c.until(In{Kind: kindView})
	c.connection.close()
}

// bound: what a killed process was asked took place before it was gone, or never.
func (p *play) bound() {
	for i := range p.history.Operations {
		o := &p.history.Operations[i]
		if gone := p.server.gone(o.Server); o.Out.Lost && gone != never {
			o.In.To = gone + skewMs
		}
	}
}

func (p *play) perform(seed int64) {
	first := p.newClient(seed)
	first.found()
	dice := rand.New(rand.NewSource(seed + 1))
	var all sync.WaitGroup
	for i := 8 + dice.Intn(9); i > 0; i-- {
		c := p.newClient(dice.Int63())
		all.Add(1)
		go func() {
			defer all.Done()
			c.run()
		}()
	}
	if p.history.Spec.Opens == 0 && !p.broken() {
		time.Sleep(time.Duration(dice.Intn(3)) * time.Millisecond)
		first.until(In{Kind: kindOpen})
	}
	all.Wait()
	if !p.broken() {
		first.settle()
	}
	p.bound()
}

package main

// What porcupine is given to search with, and how the search is kept short.
//
// Most answers change nothing: refusals, repetitions, readings. Such an operation, once it is possible, may as well take
// place at once: whatever could come before it can come after it. So while any is possible, only the first of them is
// (quietOf), and porcupine has a choice only among operations that change something. Without this it tries every order
// of what was asked at the same time before it says that a history is wrong.

import (
	"sort"

	"github.com/anishathalye/porcupine"
)

type bits []uint64

func (b bits) has(i int) bool { return b[i/64]>>(i%64)&1 == 1 }

func (b bits) with(i int) bits {
	next := append(bits(nil), b...)
	next[i/64] |= 1 << (i % 64)
	return next
}

// An administrative answer may be "it was so already" now and a change later; one that was lost is not known at all.
func (o *Operation) mayBeQuiet() bool {
	switch o.In.Kind {
	case kindOpen, kindPause, kindResume, kindClose, kindRestock:
		return false
	}
	return !o.Out.Lost
}

const nothingQuiet = -2 // so that 0 can stand for "not known yet"

// quietOf is the first operation that can take place now and changes nothing; it is remembered with the state, as
// number + 1.
func (r *rules) quietOf(s *state) int {
	if s.quiet != 0 {
		return s.quiet - 1
	}
	s.quiet = r.findQuiet(s) + 1
	return s.quiet - 1
}

func (r *rules) findQuiet(s *state) int {
	first := r.firstReturn(s)
	for i := range r.all {
		o := &r.all[i]
		if o.Call > first {
			break
		}
		if !s.done.has(i) && o.mayBeQuiet() && r.answered(s, &o.In, &o.Out) == s {
			return i
		}
	}
	return nothingQuiet
}

// isFirstOfAlike: of lost claims that differ in nothing but when they were asked, the one goes first that can wait least.
// Any other choice is as good, and porcupine would try them all.
func (r *rules) isFirstOfAlike(s *state, in *In, o *Order) bool {
	first := r.firstReturn(s)
	for i := range r.all {
		other := &r.all[i].In
		if r.all[i].Call > first {
			break
		}
		if !r.all[i].Out.Lost || i == in.place || s.done.has(i) || other.Kind != kindClaim || other.Buyer != in.Buyer ||
			other.Key != in.Key || !linesAre(other.Lines, in.Lines) || !r.facts.couldBe(other, o) {
			continue
		}
		if other.To < in.To || other.To == in.To && i < in.place {
			return false
		}
	}
	return true
}

// firstReturn: what was asked later cannot take place yet.
func (r *rules) firstReturn(s *state) int64 {
	first := int64(never)
	for i := range r.all {
		if o := &r.all[i]; o.Call > first {
			break
		} else if !s.done.has(i) && o.Return < first {
			first = o.Return
		}
	}
	return first
}

func (r *rules) step(s *state, in *In, out *Out) *state {
	next := s
	if quiet := r.quietOf(s); quiet == nothingQuiet {
		next = r.answered(s, in, out)
	} else if in.place != quiet {
		return nil
	}
	if next == nil {
		return nil
	}
	after := *next
	after.done, after.quiet = s.done.with(in.place), 0
	if !out.Lost {
		after.heard++
	}
	return &after
}

func (s *state) is(o *state) bool {
	if s == o {
		return true
	}
	if s.time != o.time || s.opened != o.opened || s.paused != o.paused || s.closed != o.closed ||
		len(s.orders) != len(o.orders) || len(s.restocks) != len(o.restocks) {
		return false
	}
	for i := range s.orders {
		if s.orders[i] != o.orders[i] {
			return false
		}
	}
	for i := range s.stock {
		if s.stock[i] != o.stock[i] {
			return false
		}
	}
	for i := range s.restocks {
		if s.restocks[i] != o.restocks[i] {
			return false
		}
	}
	return true
}

// number puts the operations in the order of their calls, each knowing its place.
func (h *History) number() []porcupine.Operation {
	sort.SliceStable(h.Operations, func(i, j int) bool { return h.Operations[i].Call < h.Operations[j].Call })
	all := make([]porcupine.Operation, len(h.Operations))
	for i := range h.Operations {
		o := &h.Operations[i]
		o.In.place = i
		all[i] = porcupine.Operation{ClientId: o.Client, Input: &o.In, Call: o.Call, Output: &o.Out, Return: o.Return}
	}
	return all
}

// puzzle is what porcupine solves: one drop, since what happens in one changes nothing in another.
func puzzle(h *History) (porcupine.Model, []porcupine.Operation) {
	operations := h.number()
	r := &rules{spec: h.Spec, facts: factsOf(h), all: h.Operations}
	for i := range r.all {
		if !r.all[i].Out.Lost {
			r.heard++
		}
	}
	first := &state{done: make(bits, len(r.all)/64+1)}
	for _, sku := range h.Spec.SKUs {
		first.stock = append(first.stock, sku.Stock)
	}
	return porcupine.Model{
		Init: func() interface{} { return first },
		Step: func(s, in, out interface{}) (bool, interface{}) {
			next := r.step(s.(*state), in.(*In), out.(*Out))
			return next != nil, next
		},
		Equal:             func(a, b interface{}) bool { return a.(*state).is(b.(*state)) },
		DescribeOperation: func(in, out interface{}) string { return describe(in.(*In), out.(*Out)) },
		DescribeState:     func(s interface{}) string { return r.describeState(s.(*state)) },
	}, operations
}

func decide(h *History) porcupine.CheckResult {
	model, operations := puzzle(h)
	return porcupine.CheckOperationsTimeout(model, operations, decideWithin)
}

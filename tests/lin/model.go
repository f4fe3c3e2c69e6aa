package main

// The rules of a drop, one operation after another, as docs and API tell them; porcupine looks for an order of the
// operations that these rules allow.
//
// Time. A hold ends by the clock, so what an operation gets depends on when it took place. Its answer often says when:
// created_at of a grant, ended_at of a confirmation and of a cancellation are the log's own time. For the others the
// model takes the earliest time that explains the answer, not before what is known of the log's time (state.time) and
// within the wall time of the question. That is enough: an order is expired exactly when its deadline is not after the
// time, so whatever can follow a later time can follow an earlier one too. The log's time is known only from what was
// logged or seen; a view of the drop is as old as the log is, and so need not have seen an expiry that only the clock
// knows of.
//
// Unknown outcomes. A lost operation returns never, so it may take effect at any later place, or stand at the end as one
// that took none. What it did is not guessed: every history ends with a list of all orders, so the
// orders that nobody was told of are known with their place among the grants (facts), and a lost claim is granted
// exactly when it is next in line and the next order is one that it could be.

import (
	"fmt"
	"sort"
	"strings"
)

const (
	pending   = "pending"
	completed = "completed"
	canceled  = "canceled"
	expired   = "expired"
)

const (
	ordersPerBuyer         = 32
	ordersPerBuyerAlwaysOn = 1024
)

// entry is an order that was granted: what never changes of it, and what does. An expired one stays pending here.
type entry struct {
	order   *Order
	key     string
	status  string
	payment string
	ended   int64
}

// state is never changed once it has been handed out.
type state struct {
	time                   int64
	opened, paused, closed bool
	stock                  []int64
	orders                 []entry // by position
	restocks               []string
	done                   bits // operations so far
	heard                  int  // of them, those whose answer is known
	quiet                  int  // see search.go
}

type rules struct {
	spec  Spec
	facts facts
	heard int // operations whose answer is known
	all   []Operation
}

// ---- looking ----

func (e *entry) statusAt(t int64) string {
	if e.status == pending && e.order.Until <= t {
		return expired
	}
	return e.status
}

func (e *entry) counts(t int64) bool {
	status := e.statusAt(t)
	return status == pending || status == completed
}

func (s *state) find(id string) int {
	for i := len(s.orders) - 1; i >= 0; i-- {
		if s.orders[i].order.ID == id {
			return i
		}
	}
	return -1
}

func (r *rules) sku(id string) int {
	for i := range r.spec.SKUs {
		if r.spec.SKUs[i].ID == id {
			return i
		}
	}
	return -1
}

// units: held and sold of every SKU at that time.
func (r *rules) units(s *state, t int64) (held, sold []int64) {
	held, sold = make([]int64, len(s.stock)), make([]int64, len(s.stock))
	for i := range s.orders {
		into := held
		switch s.orders[i].statusAt(t) {
		case completed:
			into = sold
		case canceled, expired:
			continue
		}
		for _, line := range s.orders[i].order.Lines {
			into[r.sku(line.SKU)] += line.Quantity
		}
	}
	return held, sold
}

func (r *rules) stateAt(s *state, t int64) string {
	switch {
	case s.closed || r.spec.Closes != 0 && r.spec.Closes <= t:
		return "closed"
	case !s.opened && (r.spec.Opens == 0 || r.spec.Opens > t):
		return "scheduled"
	case s.paused:
		return "paused"
	}
	return "open"
}

// lastDue is the last deadline not after t among the holds: what is settled when a refusal is certain.
func (s *state) lastDue(t int64) int64 {
	last := s.time
	for i := range s.orders {
		e := &s.orders[i]
		if e.status == pending && e.order.Until <= t && e.order.Until > last {
			last = e.order.Until
		}
	}
	return last
}

// times: from, and every later moment up to `to` at which something comes about by time alone.
func (r *rules) times(s *state, from, to int64) []int64 {
	if from > to {
		return nil
	}
	all := []int64{from}
	add := func(t int64) {
		if t > from && t <= to {
			all = append(all, t)
		}
	}
	for i := range s.orders {
		if s.orders[i].status == pending {
			add(s.orders[i].order.Until)
		}
	}
	add(r.spec.Opens)
	add(r.spec.Closes)
	sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
	return all
}

func later(a, b int64) int64 {
	if a > b {
		return a
	}
	return b
}

// ---- changing ----

func (s *state) at(t int64) *state {
	if t <= s.time {
		return s
	}
	next := *s
	next.time = t
	return &next
}

func (s *state) with(i int, e entry) *state {
	next := *s
	next.orders = append([]entry(nil), s.orders...)
	next.orders[i] = e
	return &next
}

func (r *rules) grant(s *state, in *In, o *Order) *state {
	next := *s
	next.orders = make([]entry, len(s.orders), len(s.orders)+1)
	copy(next.orders, s.orders)
	e := entry{order: o, key: in.Key, status: pending}
	if r.spec.HoldMs == 0 {
		e.status, e.ended = completed, o.Created
	}
	next.orders = append(next.orders, e)
	next.time = o.Created
	return &next
}

// ---- an order as an answer tells it ----

// isGrant: this order is what that claim would be granted as the next one.
func (r *rules) isGrant(s *state, in *In, o *Order) bool {
	until := int64(0)
	if r.spec.HoldMs != 0 {
		until = o.Created + r.spec.HoldMs
	}
	if o.Position != len(s.orders)+1 || o.Buyer != in.Buyer || o.Until != until || !linesAre(o.Lines, in.Lines) {
		return false
	}
	if len(s.orders) > 0 && s.orders[len(s.orders)-1].order.ID >= o.ID { // ids grow with the log
		return false
	}
	if o.Created < s.time || o.Created < in.From || o.Created > in.To {
		return false
	}
	verdict := r.claim(s, in, o.Created)
	return verdict.code == "" && verdict.replay < 0
}

func sameOrder(a, b *Order) bool {
	return a.ID == b.ID && a.Buyer == b.Buyer && a.Created == b.Created && a.Until == b.Until &&
		a.Position == b.Position && linesAre(a.Lines, b.Lines)
}

// shows: the order is told as it is at time t.
func (e *entry) shows(o *Order, t int64) bool {
	ended := e.ended
	status := e.statusAt(t)
	if status == expired {
		ended = e.order.Until
	}
	return sameOrder(e.order, o) && o.Status == status && o.Ended == ended
}

// read: the order is told as it is at some time of the question; nil when it is not.
func (s *state) read(i int, in *In, o *Order) *state {
	t := later(s.time, in.From)
	if t > in.To {
		return nil
	}
	e := &s.orders[i]
	if e.shows(o, t) {
		if o.Status == expired {
			return s.at(e.order.Until)
		}
		return s
	}
	if e.status == pending && e.order.Until > t && e.order.Until <= in.To && e.shows(o, e.order.Until) {
		return s.at(e.order.Until)
	}
	return nil
}

// endsWithin: the hold is over at some time of the question; then the log has seen it.
func (s *state) endsWithin(e *entry, in *In) *state {
	t := later(s.time, in.From)
	if e.status != pending || later(t, e.order.Until) > in.To {
		return nil
	}
	return s.at(e.order.Until)
}

// ---- orders ----

// ends: this confirmation or cancellation was what ended the pending order, at that time.
func (s *state) ends(i int, in *In, status string, t int64) *state {
	e := s.orders[i]
	if t < s.time || t < in.From || t > in.To || t >= e.order.Until {
		return nil
	}
	e.status, e.ended = status, t
	if status == completed {
		e.payment = in.Payment
	}
	return s.with(i, e).at(t)
}

func (r *rules) stepEnd(s *state, in *In, out *Out, status string) *state {
	i := s.find(in.Order)
	if i < 0 {
		return nil
	}
	e := s.orders[i]
	if e.status == pending && out.Status == 200 && out.Order.Status == status {
		next := s.ends(i, in, status, out.Order.Ended)
		if next != nil && next.orders[i].shows(out.Order, next.time) {
			return next
		}
		return nil
	}
	if out.Lost {
		return r.lostEnd(s, i, in, status)
	}
	if in.Kind == kindConfirm {
		return s.confirmAgain(i, in, out)
	}
	return s.cancelAgain(i, in, out)
}

func (r *rules) lostEnd(s *state, i int, in *In, status string) *state {
	e := s.orders[i]
	fact := r.facts.ended[e.order.ID]
	if e.status == pending && fact != nil && fact.Status == status {
		if next := s.ends(i, in, status, fact.Ended); next != nil {
			return next
		}
	}
	if e.status == completed && e.payment == "" && in.Kind == kindConfirm {
		e.payment = in.Payment
		return s.with(i, e)
	}
	return r.inVain(s)
}

func (s *state) confirmAgain(i int, in *In, out *Out) *state {
	e := s.orders[i]
	if out.Status == 200 {
		if e.status != completed || e.payment != "" && e.payment != in.Payment || !e.shows(out.Order, s.time) {
			return nil
		}
		if e.payment == in.Payment {
			return s
		}
		e.payment = in.Payment
		return s.with(i, e)
	}
	if out.Code != "refund_due" {
		return nil
	}
	if e.status == canceled || e.status == completed && e.payment != "" && e.payment != in.Payment {
		return s
	}
	return s.endsWithin(&e, in)
}

func (s *state) cancelAgain(i int, in *In, out *Out) *state {
	e := &s.orders[i]
	if out.Status == 200 {
		if e.status == canceled && e.shows(out.Order, s.time) {
			return s
		}
		return nil
	}
	if out.Code != "wrong_state" {
		return nil
	}
	if e.status == completed {
		return s
	}
	return s.endsWithin(e, in)
}

func (r *rules) stepOrder(s *state, in *In, out *Out) *state {
	i := s.find(in.Order)
	if i < 0 || out.Status != 200 {
		return nil
	}
	return s.read(i, in, out.Order)
}

// ---- reading the whole drop ----

func (r *rules) viewIs(s *state, v *View, t int64) bool {
	if v.Granted != len(s.orders) || len(v.SKUs) != len(s.stock) {
		return false
	}
	held, sold := r.units(s, t)
	for i := range v.SKUs {
		want := SKUView{r.spec.SKUs[i].ID, s.stock[i], s.stock[i] - held[i] - sold[i], held[i], sold[i]}
		if v.SKUs[i] != want {
			return false
		}
	}
	return true
}

func (r *rules) stepView(s *state, in *In, v *View) *state {
	known := false
	for _, t := range r.times(s, in.From, in.To) {
		known = known || r.stateAt(s, t) == v.State
	}
	if !known {
		return nil
	}
	for _, t := range r.times(s, s.time, in.To) {
		if r.viewIs(s, v, t) {
			return s.at(s.lastDue(t))
		}
	}
	return nil
}

func listIs(s *state, list []Order, t int64) bool {
	for i := range list {
		if !s.orders[len(s.orders)-1-i].shows(&list[i], t) {
			return false
		}
	}
	return true
}

func (r *rules) stepList(s *state, in *In, list []Order) *state {
	if len(list) != len(s.orders) {
		return nil
	}
	for _, t := range r.times(s, s.time, in.To) {
		if listIs(s, list, t) {
			return s.at(s.lastDue(t))
		}
	}
	return nil
}

// ---- administration ----

// administer: the state after it, or a problem's code; the state itself when it was so already.
func (r *rules) administer(s *state, in *In, t int64) (*state, string) {
	next := *s
	now := r.stateAt(s, t)
	so, same := false, false
	switch in.Kind {
	case kindOpen:
		so, same, next.opened = now == "scheduled", now == "open", true
	case kindPause:
		so, same, next.paused = now == "open", now == "paused", true
	case kindResume:
		so, same, next.paused = now == "paused", now == "open", false
	case kindClose:
		so, same, next.closed = now != "closed", now == "closed", true
	case kindRestock:
		return r.restock(s, in, t, now)
	}
	switch {
	case same:
		return s, ""
	case so:
		next.time = s.lastDue(t)
		return &next, ""
	}
	return nil, "wrong_state"
}

func (r *rules) restock(s *state, in *In, t int64, now string) (*state, string) {
	request := fmt.Sprintf("%s %s %d", in.Key, in.SKU, in.Quantity)
	for _, known := range s.restocks {
		if known == request {
			return s, ""
		}
		if strings.HasPrefix(known, in.Key+" ") {
			return nil, "key_reused"
		}
	}
	held, sold := r.units(s, t)
	i := r.sku(in.SKU)
	if now == "closed" || s.stock[i]+in.Quantity < held[i]+sold[i] {
		return nil, "wrong_state"
	}
	next := *s
	next.stock = append([]int64(nil), s.stock...)
	next.stock[i] += in.Quantity
	next.restocks = append(append([]string(nil), s.restocks...), request)
	next.time = s.lastDue(t)
	return &next, ""
}

func (r *rules) stepAdmin(s *state, in *In, out *Out) *state {
	for _, t := range r.times(s, later(s.time, in.From), in.To) {
		next, code := r.administer(s, in, t)
		switch {
		case code == "" && next == s && out.Lost:
			return r.inVain(s)
		case code == "" && (out.Lost || out.Status == 200):
			return next
		case code == "wrong_state" && out.Code == code:
			return s.at(s.lastDue(t))
		case code != "" && out.Code == code:
			return s
		}
	}
	if out.Lost {
		return r.inVain(s)
	}
	return nil
}

// ---- one operation ----

func (r *rules) answered(s *state, in *In, out *Out) *state {
	switch in.Kind {
	case kindClaim:
		return r.stepClaim(s, in, out)
	case kindConfirm:
		return r.stepEnd(s, in, out, completed)
	case kindCancel:
		return r.stepEnd(s, in, out, canceled)
	case kindOrder:
		return r.stepOrder(s, in, out)
	case kindView:
		return r.stepView(s, in, out.View)
	case kindList:
		return r.stepList(s, in, out.List)
	}
	return r.stepAdmin(s, in, out)
}

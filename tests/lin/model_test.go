package main

// Histories by hand: each is good as it is told first, and wrong with one answer changed. A checker that cannot say
// "illegal" proves nothing, so every way to be wrong that matters has its play here.

import (
	"testing"

	"github.com/anishathalye/porcupine"
)

// Times: the operation number n is asked at 10 n and answered at 10 n + 5, in ns as in ms, unless a play says otherwise.
const (
	step = 10
	took = 5
)

type script struct {
	t       *testing.T
	history History
}

func newScript(t *testing.T, stock, limit, holdMs int64) *script {
	s := &script{t: t}
	s.history.Spec = Spec{ID: "d", SKUs: []SKUSpec{{"a", stock}}, Limit: limit, HoldMs: holdMs, KeepMs: 86400000}
	s.says(In{Kind: kindOpen}, Out{Status: 200})
	return s
}

func (s *script) now() int64 { return int64(len(s.history.Operations)) * step }

func (s *script) during(call, back int64, in In, out Out) *Operation {
	in.From, in.To = call, back
	s.history.Operations = append(s.history.Operations,
		Operation{Client: len(s.history.Operations), Call: call, Return: back, In: in, Out: out})
	return &s.history.Operations[len(s.history.Operations)-1]
}

func (s *script) says(in In, out Out) *Operation {
	return s.during(s.now(), s.now()+took, in, out)
}

func want(buyer, key string) In {
	return In{Kind: kindClaim, Buyer: buyer, Key: key, Lines: []Line{{"a", 1}}}
}

// order is the n-th grant, at that time, as it is told right after.
func (s *script) order(n int, buyer string, at int64) *Order {
	o := &Order{ID: string(rune('0' + n)), Buyer: buyer, Status: pending, Lines: []Line{{"a", 1}}, Created: at,
		Until: at + s.history.Spec.HoldMs, Position: n}
	if s.history.Spec.HoldMs == 0 {
		o.Status, o.Until, o.Ended = completed, 0, at
	}
	return o
}

func (s *script) granted(n int, buyer, key string) *Order {
	o := s.order(n, buyer, s.now()+1)
	s.says(want(buyer, key), Out{Status: 201, Order: o})
	return o
}

func ended(o *Order, status string, at int64) *Order {
	e := *o
	e.Status, e.Ended = status, at
	return &e
}

func (s *script) list(orders ...*Order) {
	list := []Order{}
	for i := len(orders) - 1; i >= 0; i-- {
		list = append(list, *orders[i])
	}
	s.says(In{Kind: kindList}, Out{Status: 200, List: list})
}

func view(state string, granted int, stock, held, sold int64) Out {
	return Out{Status: 200, View: &View{state, granted, []SKUView{{"a", stock, stock - held - sold, held, sold}}}}
}

func (s *script) is(want porcupine.CheckResult) {
	s.t.Helper()
	if got := decide(&s.history); got != want {
		s.t.Errorf("%s, and should be %s", got, want)
		for i := range s.history.Operations {
			o := &s.history.Operations[i]
			s.t.Logf("%d to %d: %s", o.Call, o.Return, describe(&o.In, &o.Out))
		}
	}
}

func refusal(code, sku, order string) Out {
	return Out{Status: 409, Code: code, Named: sku, Because: order}
}

func TestOneUnitGoesToOneBuyer(t *testing.T) {
	s := newScript(t, 1, 0, 600000)
	first := s.granted(1, "x", "")
	s.says(want("y", ""), refusal("all_held", "a", ""))
	s.list(first)
	s.is(porcupine.Ok)
}

func TestADoubleGrantIsFound(t *testing.T) {
	s := newScript(t, 1, 0, 600000)
	first := s.granted(1, "x", "")
	second := s.granted(2, "y", "")
	s.list(first, second)
	s.is(porcupine.Illegal)
}

func TestMoreThanTheLimitIsFound(t *testing.T) {
	s := newScript(t, 9, 1, 0)
	s.list(s.granted(1, "x", ""), s.granted(2, "x", ""))
	s.is(porcupine.Illegal)
}

func TestALostGrantIsFound(t *testing.T) {
	s := newScript(t, 1, 0, 600000)
	s.granted(1, "x", "")
	s.list()
	s.is(porcupine.Illegal)
}

func TestAnOrderThatNobodyAskedForIsFound(t *testing.T) {
	s := newScript(t, 5, 0, 600000)
	s.list(s.order(1, "x", s.now()-3))
	s.is(porcupine.Illegal)
}

func TestAGrantBeforeOpeningIsFound(t *testing.T) {
	s := newScript(t, 5, 0, 600000)
	s.history.Operations = nil
	o := s.granted(1, "x", "")
	s.says(In{Kind: kindOpen}, Out{Status: 200})
	s.list(o)
	s.is(porcupine.Illegal)
}

func TestAStaleReadIsFound(t *testing.T) {
	for _, status := range []string{canceled, pending} {
		s := newScript(t, 1, 0, 600000)
		o := s.granted(1, "x", "")
		gone := ended(o, canceled, s.now()+1)
		s.says(In{Kind: kindCancel, Order: o.ID}, Out{Status: 200, Order: gone})
		if status == canceled {
			s.says(In{Kind: kindOrder, Order: o.ID}, Out{Status: 200, Order: gone})
			s.is(porcupine.Ok)
		} else {
			s.says(In{Kind: kindOrder, Order: o.ID}, Out{Status: 200, Order: o})
			s.is(porcupine.Illegal)
		}
	}
}

// Asked while the cancellation is under way, both answers are good; but not the old one after the new one.
func TestAReadWhileItChanges(t *testing.T) {
	for _, backwards := range []bool{false, true} {
		s := newScript(t, 1, 0, 600000)
		o := s.granted(1, "x", "")
		gone := ended(o, canceled, 32)
		s.during(20, 90, In{Kind: kindCancel, Order: o.ID}, Out{Status: 200, Order: gone})
		answers := []*Order{o, gone}
		if backwards {
			answers = []*Order{gone, o}
		}
		s.during(30, 40, In{Kind: kindOrder, Order: o.ID}, Out{Status: 200, Order: answers[0]})
		s.during(50, 60, In{Kind: kindOrder, Order: o.ID}, Out{Status: 200, Order: answers[1]})
		s.is(map[bool]porcupine.CheckResult{false: porcupine.Ok, true: porcupine.Illegal}[backwards])
	}
}

func TestAStaleViewIsFound(t *testing.T) {
	for held, result := range map[int64]porcupine.CheckResult{1: porcupine.Ok, 0: porcupine.Illegal} {
		s := newScript(t, 3, 0, 600000)
		s.granted(1, "x", "")
		s.says(In{Kind: kindView}, view("open", int(held), 3, held, 0))
		s.is(result)
	}
}

// A head of one moment over units of another is no moment at all.
func TestATornViewIsFound(t *testing.T) {
	s := newScript(t, 3, 0, 600000)
	s.during(10, 60, want("x", ""), Out{Status: 201, Order: s.order(1, "x", 30)})
	s.during(10, 60, In{Kind: kindView}, view("open", 0, 3, 1, 0))
	s.is(porcupine.Illegal)
}

// Sold out was told; then there is a unit, which nobody gave back.
func TestVerdictsOutOfOrderAreFound(t *testing.T) {
	s := newScript(t, 1, 0, 0)
	early := s.order(1, "y", s.now()+1)
	s.says(want("x", ""), refusal("sold_out", "a", ""))
	early.Created, early.Ended = s.now()+1, s.now()+1
	s.says(want("y", ""), Out{Status: 201, Order: early})
	s.is(porcupine.Illegal)
}

// The later number was granted and told before the earlier one was asked for.
func TestGrantsOutOfOrderAreFound(t *testing.T) {
	s := newScript(t, 5, 0, 0)
	second := s.granted(2, "x", "")
	first := s.granted(1, "y", "")
	s.list(first, second)
	s.is(porcupine.Illegal)
}

func TestAWrongReasonIsFound(t *testing.T) {
	for code, result := range map[string]porcupine.CheckResult{"all_held": porcupine.Ok, "sold_out": porcupine.Illegal,
		"paused": porcupine.Illegal} {
		s := newScript(t, 1, 0, 600000)
		s.granted(1, "x", "")
		s.says(want("y", ""), refusal(code, "a", ""))
		s.is(result)
	}
}

func TestTheSameKeyIsTheSameOrder(t *testing.T) {
	for n, result := range map[int]porcupine.CheckResult{1: porcupine.Ok, 2: porcupine.Illegal} {
		s := newScript(t, 5, 0, 600000)
		o := s.granted(1, "x", "k")
		if n == 1 {
			s.says(want("x", "k"), Out{Status: 201, Replayed: true, Order: o})
		} else {
			s.granted(2, "x", "k")
		}
		s.is(result)
	}
}

// ---- time ----

func TestAHoldEndsAtItsDeadline(t *testing.T) {
	for at, result := range map[int64]porcupine.CheckResult{1009: porcupine.Ok, 1010: porcupine.Illegal, 1011: porcupine.Illegal} {
		s := newScript(t, 1, 0, 1000)
		o := s.order(1, "x", 10)
		s.during(10, 15, want("x", ""), Out{Status: 201, Order: o})
		s.during(1000, 1020, In{Kind: kindConfirm, Order: o.ID, Payment: "p"}, Out{Status: 200, Order: ended(o, completed, at)})
		s.is(result)
	}
}

func TestAnExpiredHoldGivesItsUnitsBack(t *testing.T) {
	for at, result := range map[int64]porcupine.CheckResult{1010: porcupine.Ok, 1009: porcupine.Illegal} {
		s := newScript(t, 1, 0, 1000)
		s.during(10, 15, want("x", ""), Out{Status: 201, Order: s.order(1, "x", 10)})
		s.during(1000, 1020, want("y", ""), Out{Status: 201, Order: s.order(2, "y", at)})
		s.is(result)
	}
}

// Once somebody has seen it expired, nobody sees it pending, nor its units held.
func TestAnExpiryIsNotTakenBack(t *testing.T) {
	for held, result := range map[int64]porcupine.CheckResult{0: porcupine.Ok, 1: porcupine.Illegal} {
		s := newScript(t, 1, 0, 1000)
		o := s.order(1, "x", 10)
		s.during(10, 15, want("x", ""), Out{Status: 201, Order: o})
		s.during(1000, 1020, In{Kind: kindOrder, Order: o.ID}, Out{Status: 200, Order: ended(o, expired, 1010)})
		s.during(1030, 1040, In{Kind: kindView}, view("open", 1, 1, held, 0))
		s.is(result)
	}
}

// ---- unknown outcomes ----

func (s *script) lost(in In, to int64) {
	o := s.says(in, Out{Lost: true})
	o.Return, o.In.To = never, to
}

// What was lost may take effect much later, or never; but not twice, and not for another.
func TestALostClaimMayBeGrantedLater(t *testing.T) {
	plays := []struct {
		name   string
		buyer  string
		orders int
		result porcupine.CheckResult
	}{{"never", "", 0, porcupine.Ok}, {"later", "x", 1, porcupine.Ok}, {"for another", "y", 1, porcupine.Illegal},
		{"twice", "x", 2, porcupine.Illegal}}
	for _, play := range plays {
		t.Run(play.name, func(t *testing.T) {
			s := newScript(t, 5, 0, 600000)
			s.lost(want("x", ""), never)
			s.says(In{Kind: kindView}, view("open", 0, 5, 0, 0))
			var orders []*Order
			for n := 1; n <= play.orders; n++ {
				orders = append(orders, s.order(n, play.buyer, s.now()-int64(3-n)))
			}
			s.list(orders...)
			s.is(play.result)
		})
	}
}

func TestAKilledServerGrantsNothing(t *testing.T) {
	s := newScript(t, 5, 0, 600000)
	s.lost(want("x", ""), s.now()+1) // gone by then
	s.says(In{Kind: kindView}, view("open", 0, 5, 0, 0))
	s.list(s.order(1, "x", s.now()-1))
	s.is(porcupine.Illegal)
}

// The unit that a lost claim took is missed at once, and stays taken.
func TestALostClaimTakesOneUnit(t *testing.T) {
	for free, result := range map[int64]porcupine.CheckResult{0: porcupine.Ok, 1: porcupine.Illegal} {
		s := newScript(t, 1, 0, 600000)
		o := s.order(1, "x", s.now()+1)
		s.lost(want("x", "k"), never)
		s.says(want("y", ""), refusal("all_held", "a", ""))
		s.says(In{Kind: kindView}, view("open", 1, 1, 1-free, 0))
		s.says(want("x", "k"), Out{Status: 201, Replayed: true, Order: o})
		s.list(o)
		s.is(result)
	}
}

func TestALostCancellationAndALostPayment(t *testing.T) {
	for _, status := range []string{pending, canceled, completed} {
		s := newScript(t, 1, 0, 600000)
		o := s.granted(1, "x", "")
		s.lost(In{Kind: kindCancel, Order: o.ID}, never)
		told := o
		if status != pending {
			told = ended(o, status, s.now()+1)
		}
		s.says(In{Kind: kindOrder, Order: o.ID}, Out{Status: 200, Order: told})
		s.list(told)
		s.is(map[string]porcupine.CheckResult{pending: porcupine.Ok, canceled: porcupine.Ok,
			completed: porcupine.Illegal}[status])
	}
}

func TestARestockCountsOnce(t *testing.T) {
	for stock, result := range map[int64]porcupine.CheckResult{3: porcupine.Ok, 5: porcupine.Illegal} {
		s := newScript(t, 1, 0, 600000)
		in := In{Kind: kindRestock, SKU: "a", Quantity: 2, Key: "r"}
		s.says(in, Out{Status: 200})
		s.says(in, Out{Status: 200})
		s.says(In{Kind: kindView}, view("open", 0, stock, 0, 0))
		s.is(result)
	}
}

// A history that is kept is the same one when it is read again.
func TestAKeptHistoryIsReadAgain(t *testing.T) {
	s := newScript(t, 1, 0, 600000)
	s.list(s.granted(1, "x", ""), s.granted(2, "y", ""))
	path := t.TempDir() + "/h.json"
	if err := s.history.write(path); err != nil {
		t.Fatal(err)
	}
	again, err := readHistory(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := draw(again, path+".html"); got != porcupine.Illegal {
		t.Errorf("%s", got)
	}
}

package main

// One history is played: a drop, a few buyers who all want the same few units, and an operator.
//
// What is asked comes from the seed; how it falls together comes from the machine. Few units, few buyers and many
// clients make conflicts the rule. A drop is quick (holds are long, everything happens within some hundred
// milliseconds) or slow (holds of a second, opening and closing by the clock, ended orders that leave the memory after a
// second), so that time has its turn too.

import (
	"fmt"
	"math/rand"
	"sync"
	"sync/atomic"
	"time"
)

type claimed struct {
	buyer, key string
	lines      []Line
}

// play is what the clients of one history share.
type play struct {
	history  *History
	server   *server
	position *position
	slow     bool
	left     int64 // operations still to be written down
	clients  int32 // numbers given to clients; one that lost an answer gets another

	lock     sync.Mutex
	orders   []string
	keys     []claimed
	restocks []In
	fault    error
	notNow   int
	half     int
}

// client asks one thing after another on one connection.
type client struct {
	*play
	dice       *rand.Rand
	number     int
	connection connection
	keys       int
}

func pick(dice *rand.Rand, of ...int64) int64 { return of[dice.Intn(len(of))] }

// ---- what is sold ----

func someSpec(dice *rand.Rand, id string, slow bool) Spec {
	s := Spec{ID: id, Limit: pick(dice, 0, 1, 2, 2, 3), HoldMs: pick(dice, 0, 600000, 600000), KeepMs: 86400000}
	for i := int64(0); i < pick(dice, 1, 2, 3); i++ {
		s.SKUs = append(s.SKUs, SKUSpec{fmt.Sprintf("s%d", i), pick(dice, 1, 2, 3, 5, 8)})
	}
	if slow {
		s.HoldMs = pick(dice, 0, 1000, 1000, 1000)
		now := wallMs()
		if dice.Intn(3) == 0 {
			s.Opens = now + 100 + dice.Int63n(500)
		}
		if dice.Intn(3) == 0 {
			s.Closes = now + 1500 + dice.Int63n(1500)
		}
		if dice.Intn(3) == 0 {
			s.KeepMs = 1000
			s.Limit = pick(dice, 1, 2, 3)
		}
	}
	return s
}

// One buyer with plenty to have, until he has had too many orders.
func greedySpec(dice *rand.Rand, id string) Spec {
	return Spec{ID: id, SKUs: []SKUSpec{{"s0", 50}}, HoldMs: 600000, KeepMs: 86400000, Closes: wallMs() + 3600000}
}

func (s *Spec) body() map[string]interface{} {
	var skus []map[string]interface{}
	for _, sku := range s.SKUs {
		skus = append(skus, map[string]interface{}{"id": sku.ID, "stock": sku.Stock})
	}
	b := map[string]interface{}{"skus": skus, "hold_seconds": s.HoldMs / 1000, "keep_seconds": s.KeepMs / 1000}
	if s.Limit != 0 {
		b["limit_per_buyer"] = s.Limit
	}
	if s.Opens != 0 {
		b["opens_at"] = time.UnixMilli(s.Opens).UTC().Format("2006-01-02T15:04:05.000Z")
	}
	if s.Closes != 0 {
		b["closes_at"] = time.UnixMilli(s.Closes).UTC().Format("2006-01-02T15:04:05.000Z")
	}
	return b
}

// ---- the questions ----

func (c *client) someLines() []Line {
	skus := c.history.Spec.SKUs
	n := 1
	if len(skus) > 1 && c.dice.Intn(3) == 0 {
		n = 2
	}
	var lines []Line
	for _, i := range c.dice.Perm(len(skus))[:n] {
		lines = append(lines, Line{skus[i].ID, pick(c.dice, 1, 1, 1, 2)})
	}
	return lines
}

func (c *client) someClaim() In {
	buyers := int64(4)
	if len(c.history.Spec.SKUs) == 1 && c.history.Spec.Limit == 0 && c.history.Spec.Closes != 0 {
		buyers = 1
	} else if c.history.Spec.Limit > 0 {
		buyers = 8
	}
	in := In{Kind: kindClaim, Buyer: fmt.Sprintf("b%d", c.dice.Int63n(buyers)), Lines: c.someLines()}
	if c.dice.Intn(2) == 0 {
		c.keys++
		in.Key = fmt.Sprintf("k%d-%d", c.number, c.keys)
		c.lock.Lock()
		c.play.keys = append(c.play.keys, claimed{in.Buyer, in.Key, in.Lines})
		c.lock.Unlock()
	}
	return in
}

// A key that was used before, most often with what it was used for.
func (c *client) someClaimAgain() In {
	c.lock.Lock()
	known := len(c.play.keys)
	var again claimed
	if known > 0 {
		again = c.play.keys[known-1-c.dice.Intn(1+(known-1)%12)]
	}
	c.lock.Unlock()
	if known == 0 {
		return c.someClaim()
	}
	in := In{Kind: kindClaim, Buyer: again.buyer, Key: again.key, Lines: again.lines}
	if c.dice.Intn(5) == 0 {
		in.Lines = c.someLines()
	}
	return in
}

// One of the newest orders, so that clients meet at it.
func (c *client) someOrder() string {
	c.lock.Lock()
	defer c.lock.Unlock()
	n := len(c.orders)
	if n == 0 {
		return ""
	}
	if c.dice.Intn(4) == 0 {
		return c.orders[c.dice.Intn(n)]
	}
	newest := n
	if newest > 4 {
		newest = 4
	}
	return c.orders[n-1-c.dice.Intn(newest)]
}

func (c *client) someRestock() In {
	spec := &c.history.Spec
	c.keys++
	in := In{Kind: kindRestock, SKU: spec.SKUs[c.dice.Intn(len(spec.SKUs))].ID, Quantity: pick(c.dice, 1, 2, -1, -2),
		Key: fmt.Sprintf("r%d-%d", c.number, c.keys)}
	c.lock.Lock()
	defer c.lock.Unlock()
	if n := len(c.restocks); n > 0 && c.dice.Intn(4) == 0 {
		in = c.restocks[c.dice.Intn(n)]
		if c.dice.Intn(2) == 0 {
			in.Quantity++
			if in.Quantity == 0 {
				in.Quantity = 3
			}
		}
	} else {
		c.restocks = append(c.restocks, in)
	}
	return in
}

func (c *client) someAdministration() In {
	switch n := c.dice.Intn(20); {
	case n < 9:
		return c.someRestock()
	case n < 12:
		return In{Kind: kindPause}
	case n < 17:
		return In{Kind: kindResume}
	case atomic.LoadInt64(&c.left) > 20:
		return In{Kind: kindOpen}
	}
	return In{Kind: kindClose}
}

func (c *client) something() In {
	n := c.dice.Intn(100)
	if n < 40 {
		return c.someClaim()
	} else if n < 50 {
		return c.someClaimAgain()
	} else if n < 80 {
		if order := c.someOrder(); order != "" {
			return c.about(order, n)
		}
		return c.someClaim()
	}
	switch {
	case n < 90:
		return In{Kind: kindView}
	case n < 94:
		return In{Kind: kindList}
	}
	return c.someAdministration()
}

func (c *client) about(order string, n int) In {
	switch {
	case n < 60:
		return In{Kind: kindConfirm, Order: order, Payment: fmt.Sprintf("p%d-%s", pick(c.dice, 1, 1, 1, 2), order)}
	case n < 70:
		return In{Kind: kindCancel, Order: order}
	}
	return In{Kind: kindOrder, Order: order}
}

func (in *In) request(drop string) *request {
	path := "/v1/drops/" + drop
	switch in.Kind {
	case kindClaim:
		return &request{"POST", path + "/buyers/" + in.Buyer + "/orders", in.Key,
			map[string]interface{}{"lines": in.Lines}}
	case kindConfirm:
		return &request{"POST", "/v1/orders/" + in.Order + "/confirm", "", map[string]string{"payment_ref": in.Payment}}
	case kindCancel:
		return &request{"POST", "/v1/orders/" + in.Order + "/cancel", "", nil}
	case kindOrder:
		return &request{"GET", "/v1/orders/" + in.Order, "", nil}
	case kindView:
		return &request{"GET", path, "", nil}
	case kindList:
		return &request{"GET", path + "/orders?limit=1000", "", nil}
	case kindRestock:
		return &request{"POST", path + "/restock", in.Key, map[string]interface{}{"sku": in.SKU, "quantity": in.Quantity}}
	}
	return &request{"POST", path + "/" + in.Kind, "", nil}
}

func (in *In) reads() bool {
	return in.Kind == kindOrder || in.Kind == kindView || in.Kind == kindList
}

package main

// Claims: what one gets, by the order of checks that docs and API tell, and whether that is what was heard.

type verdict struct {
	code    string // "" is granted
	sku     string
	because string
	replay  int // the order of this key, or -1
}

func (r *rules) claim(s *state, in *In, t int64) verdict {
	v := verdict{replay: -1}
	var orders, units int64
	for i := range s.orders {
		e := &s.orders[i]
		if e.order.Buyer != in.Buyer {
			continue
		}
		orders++
		if in.Key != "" && e.key == in.Key {
			v.replay = i
		}
		if e.counts(t) {
			v.because = e.order.ID
			for _, line := range e.order.Lines {
				units += line.Quantity
			}
		}
	}
	if v.replay >= 0 {
		if !linesAre(s.orders[v.replay].order.Lines, in.Lines) {
			v.code = "key_reused"
		}
		return v
	}
	for _, line := range in.Lines {
		units += line.Quantity
	}
	if r.spec.Limit != 0 && units > r.spec.Limit {
		v.code = "limit_reached"
		return v
	}
	if orders >= r.ordersMax() {
		v.code = "too_many_orders"
		return v
	}
	v.because = ""
	v.code = map[string]string{"scheduled": "not_open", "paused": "paused", "closed": "closed"}[r.stateAt(s, t)]
	if v.code == "" {
		v.code, v.sku = r.stockFor(s, in.Lines, t)
	}
	return v
}

func (r *rules) ordersMax() int64 {
	if r.spec.Limit == 0 && r.spec.Closes == 0 {
		return ordersPerBuyerAlwaysOn
	}
	return ordersPerBuyer
}

func (r *rules) stockFor(s *state, lines []Line, t int64) (code, sku string) {
	held, sold := r.units(s, t)
	for _, line := range lines {
		i := r.sku(line.SKU)
		switch {
		case line.Quantity <= s.stock[i]-held[i]-sold[i]:
		case line.Quantity > s.stock[i]-sold[i]:
			return "sold_out", line.SKU
		case code == "":
			code, sku = "all_held", line.SKU
		}
	}
	return code, sku
}

func (r *rules) stepClaim(s *state, in *In, out *Out) *state {
	switch {
	case out.Lost:
		return r.lostClaim(s, in)
	case out.Status == 201 && out.Replayed:
		v := r.claim(s, in, s.time)
		if v.replay < 0 || v.code != "" {
			return nil
		}
		return s.read(v.replay, in, out.Order)
	case out.Status == 201:
		if !r.isGrant(s, in, out.Order) || out.Order.Status != r.bornAs() {
			return nil
		}
		return r.grant(s, in, out.Order)
	case out.Code == "key_reused":
		if r.claim(s, in, s.time).code == "key_reused" {
			return s
		}
		return nil
	}
	for _, t := range r.times(s, later(s.time, in.From), in.To) {
		v := r.claim(s, in, t)
		if v.code == out.Code && v.sku == out.Named && (v.code == "too_many_orders" || v.because == out.Because) {
			return s.at(s.lastDue(t))
		}
	}
	return nil
}

func (r *rules) bornAs() string {
	if r.spec.HoldMs == 0 {
		return completed
	}
	return pending
}

func (r *rules) lostClaim(s *state, in *In) *state {
	next := r.facts.place[len(s.orders)+1]
	if next != nil && r.facts.couldBe(in, next) && r.isGrant(s, in, next) && r.isFirstOfAlike(s, in, next) {
		return r.grant(s, in, next)
	}
	return r.inVain(s)
}

// inVain: a lost operation changed nothing. It might have stood anywhere; it stands at the end, so that porcupine has
// one order to try and not as many as there are lost operations and places.
func (r *rules) inVain(s *state) *state {
	if s.heard < r.heard {
		return nil
	}
	return s
}

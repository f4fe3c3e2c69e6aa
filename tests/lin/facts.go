package main

// What the answers of a history tell of its orders, whoever heard it, and so what a lost operation can have come to.

// facts: what the answers of a history tell of orders, whoever heard it.
type facts struct {
	place  map[int]*Order    // by position
	ended  map[string]*Order // completed or canceled, by id
	told   map[string]bool   // granted in an answer to its own claim
	keyOf  map[string]string // by id, from repetitions of a key
	newAt  map[string]int64  // by buyer and key: asked then, it had no order yet
	untold []*Order
}

func (f *facts) see(o *Order) {
	if f.place[o.Position] == nil {
		f.place[o.Position] = o
	}
	if o.Status == completed || o.Status == canceled {
		f.ended[o.ID] = o
	}
}

func (f *facts) hearClaim(in *In, out *Out) {
	switch key := in.Buyer + " " + in.Key; {
	case out.Replayed:
		f.keyOf[out.Order.ID] = in.Key
	case out.Code != "key_reused" && in.From > f.newAt[key]:
		f.newAt[key] = in.From
	}
	if out.Status == 201 && !out.Replayed {
		f.told[out.Order.ID] = true
	}
}

func factsOf(h *History) facts {
	f := facts{place: map[int]*Order{}, ended: map[string]*Order{}, told: map[string]bool{},
		keyOf: map[string]string{}, newAt: map[string]int64{}}
	for i := range h.Operations {
		o := &h.Operations[i]
		if o.In.Kind == kindClaim && !o.Out.Lost {
			f.hearClaim(&o.In, &o.Out)
		}
		if o.Out.Order != nil {
			f.see(o.Out.Order)
		}
		for j := range o.Out.List {
			f.see(&o.Out.List[j])
		}
	}
	for _, o := range f.place {
		if !f.told[o.ID] {
			f.untold = append(f.untold, o)
		}
	}
	return f
}

// couldBe: as far as the order tells, that lost claim may be the one that it was granted to.
func (f *facts) couldBe(in *In, o *Order) bool {
	key, known := f.keyOf[o.ID]
	if in.Key != "" && o.Created < f.newAt[in.Buyer+" "+in.Key] {
		return false
	}
	return !f.told[o.ID] && o.Buyer == in.Buyer && linesAre(o.Lines, in.Lines) && (!known || key == in.Key) &&
		o.Created >= in.From && o.Created <= in.To
}

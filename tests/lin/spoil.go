package main

// A checker that calls everything good is worth nothing. So every history that passed is checked once more with one
// answer changed in a way that no order of the operations can explain.

import "math/rand"

// spoil is a copy with one wrong answer; nil: there is nothing in it that can be spoilt surely.
func spoil(h *History, dice *rand.Rand) *History {
	ways := []func(h *History, o *Operation) bool{lostGrant, staleOrder, doubleGrant, untrueView, wrongEnd}
	copied := *h
	copied.Operations = append([]Operation(nil), h.Operations...)
	first := dice.Intn(len(ways))
	for n := range ways {
		way := ways[(first+n)%len(ways)]
		for _, i := range dice.Perm(len(copied.Operations)) {
			if way(&copied, &copied.Operations[i]) {
				return &copied
			}
		}
	}
	return nil
}

// A grant becomes "sold out", though the order stands in the list at the end, and no lost claim could be its cause.
func lostGrant(h *History, o *Operation) bool {
	if o.In.Kind != kindClaim || o.Out.Status != 201 || o.Out.Replayed {
		return false
	}
	for i := range h.Operations {
		lost := &h.Operations[i]
		if lost.Out.Lost && lost.In.Kind == kindClaim && lost.In.Buyer == o.In.Buyer {
			return false
		}
	}
	o.Out = Out{Status: 409, Code: "sold_out", Named: o.In.Lines[0].SKU}
	return true
}

// An order that had ended is told as pending, in answer to a question that began after the end was told.
func staleOrder(h *History, o *Operation) bool {
	if o.In.Kind != kindOrder || o.Out.Order.Status != completed && o.Out.Order.Status != canceled {
		return false
	}
	for i := range h.Operations {
		before := &h.Operations[i]
		if before.Return < o.Call && before.Out.Order != nil && before.Out.Order.ID == o.In.Order &&
			before.Out.Order.Status == o.Out.Order.Status {
			stale := *o.Out.Order
			stale.Status, stale.Ended = pending, 0
			o.Out.Order = &stale
			return true
		}
	}
	return false
}

// A refusal becomes a grant: a second order in a place that has one.
func doubleGrant(h *History, o *Operation) bool {
	if o.In.Kind != kindClaim || o.Out.Code != "sold_out" && o.Out.Code != "all_held" {
		return false
	}
	for i := range h.Operations {
		told := h.Operations[i].Out.Order
		if told != nil {
			twice := *told
			twice.ID, twice.Buyer, twice.Lines = twice.ID+"x", o.In.Buyer, o.In.Lines
			o.Out = Out{Status: 201, Order: &twice}
			return true
		}
	}
	return false
}

// A view shows a unit more than there is, which no stock ever was.
func untrueView(h *History, o *Operation) bool {
	if o.In.Kind != kindView || o.Out.View == nil || len(o.Out.View.SKUs) == 0 {
		return false
	}
	v := *o.Out.View
	v.SKUs = append([]SKUView(nil), v.SKUs...)
	v.SKUs[0].Free++
	o.Out.View = &v
	return true
}

// A refused confirmation becomes the end of an order that ended otherwise.
func wrongEnd(h *History, o *Operation) bool {
	if o.In.Kind != kindConfirm || o.Out.Code != "refund_due" {
		return false
	}
	for i := range h.Operations {
		told := h.Operations[i].Out.Order
		if told != nil && told.ID == o.In.Order && (told.Status == canceled || told.Status == expired) {
			paid := *told
			paid.Status = completed
			o.Out = Out{Status: 200, Order: &paid}
			return true
		}
	}
	return false
}

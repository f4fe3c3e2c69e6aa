package main

// Words for people: porcupine's drawing, and the table of what came about.

import (
	"fmt"
	"strings"
)

func lineText(lines []Line) string {
	var all []string
	for _, line := range lines {
		all = append(all, fmt.Sprintf("%d %s", line.Quantity, line.SKU))
	}
	return strings.Join(all, " + ")
}

func question(in *In) string {
	switch in.Kind {
	case kindClaim:
		text := fmt.Sprintf("claim %s for %s", lineText(in.Lines), in.Buyer)
		if in.Key != "" {
			text += " key " + in.Key
		}
		return text
	case kindConfirm:
		return fmt.Sprintf("confirm %s by %s", in.Order, in.Payment)
	case kindCancel, kindOrder:
		return in.Kind + " " + in.Order
	case kindRestock:
		return fmt.Sprintf("restock %s %+d key %s", in.SKU, in.Quantity, in.Key)
	}
	return in.Kind
}

func orderText(o *Order) string {
	text := fmt.Sprintf("%s %s, number %d, created %d", o.ID, o.Status, o.Position, o.Created)
	if o.Until != 0 {
		text += fmt.Sprintf(", held until %d", o.Until)
	}
	if o.Ended != 0 {
		text += fmt.Sprintf(", ended %d", o.Ended)
	}
	return text
}

func viewText(v *View) string {
	text := fmt.Sprintf("%s, %d granted", v.State, v.Granted)
	for _, sku := range v.SKUs {
		text += fmt.Sprintf("; %s: %d free, %d held, %d sold of %d", sku.ID, sku.Free, sku.Held, sku.Sold, sku.Stock)
	}
	return text
}

func heard(out *Out) string {
	switch {
	case out.Lost:
		return "nothing"
	case out.View != nil:
		return viewText(out.View)
	case out.List != nil:
		var all []string
		for i := range out.List {
			all = append(all, out.List[i].ID+" "+out.List[i].Status)
		}
		return strings.Join(all, ", ")
	case out.Order != nil:
		text := orderText(out.Order)
		if out.Replayed {
			text = "again " + text
		}
		return text
	case out.Code != "":
		return strings.TrimSpace(out.Code + " " + out.Named + out.Because)
	}
	return fmt.Sprint(out.Status)
}

func describe(in *In, out *Out) string {
	return fmt.Sprintf("%s -> %s [%d, %d]", question(in), heard(out), in.From, in.To)
}

func (r *rules) describeState(s *state) string {
	held, sold := r.units(s, s.time)
	text := fmt.Sprintf("time %d, %s, %d granted", s.time, r.stateAt(s, s.time), len(s.orders))
	for i, sku := range r.spec.SKUs {
		text += fmt.Sprintf("; %s: %d held, %d sold of %d", sku.ID, held[i], sold[i], s.stock[i])
	}
	for i := range s.orders {
		e := &s.orders[i]
		text += fmt.Sprintf("; %s %s %s", e.order.ID, e.order.Buyer, e.statusAt(s.time))
	}
	return text
}

// kindOf names what came about, for counting: the question and the sort of answer.
func kindOf(in *In, out *Out) string {
	switch {
	case out.Lost:
		return in.Kind + " lost"
	case out.View != nil:
		return in.Kind + " " + out.View.State
	case in.Kind == kindRestock && out.Status == 200 && in.Quantity < 0:
		return "restock fewer"
	case out.Replayed:
		return "claim again " + out.Order.Status
	case out.Order != nil:
		return in.Kind + " " + out.Order.Status
	case out.Code != "":
		return in.Kind + " " + out.Code
	}
	if out.List != nil {
		return "list list"
	}
	return in.Kind + " done"
}

package main

// A history: what was asked of one drop, when, and what was heard. It is all that the checker sees, and it can be kept
// in a file and checked again.
//
// Two clocks stand in it. Call and Return (nanoseconds since the run began, monotonic) say which operation was over
// before which began; that is what porcupine orders by. From and To are the same moments as wall time in milliseconds,
// widened by skewMs, because the server writes wall times into its answers and holds end by them.

import (
	"encoding/json"
	"math"
	"os"
)

// How far the wall clock may be from the time in the log, which is the wall clock at the server's start plus the
// monotonic clock; both round to milliseconds.
const skewMs = 25

const never = math.MaxInt64 / 4

// The kinds of operations.
const (
	kindClaim   = "claim"
	kindConfirm = "confirm"
	kindCancel  = "cancel"
	kindOrder   = "order" // one order is read
	kindView    = "view"  // the drop is read
	kindList    = "list"  // all of its orders are read
	kindOpen    = "open"
	kindPause   = "pause"
	kindResume  = "resume"
	kindClose   = "close"
	kindRestock = "restock"
)

type Line struct {
	SKU      string `json:"sku"`
	Quantity int64  `json:"quantity"`
}

// Order is an order as an answer tells it; times in wall milliseconds, 0 for null.
type Order struct {
	ID, Buyer, Status     string
	Lines                 []Line
	Created, Until, Ended int64
	Position              int
}

type SKUView struct {
	ID                      string
	Stock, Free, Held, Sold int64
}

type View struct {
	State   string
	Granted int
	SKUs    []SKUView
}

// In is a question, with the wall time within which it was answered.
type In struct {
	Kind       string
	Buyer, Key string `json:",omitempty"`
	Lines      []Line `json:",omitempty"`
	Order      string `json:",omitempty"`
	Payment    string `json:",omitempty"`
	SKU        string `json:",omitempty"`
	Quantity   int64  `json:",omitempty"`
	From, To   int64
	place      int // in the history
}

// Out is an answer. Lost: there was none, the outcome is unknown.
type Out struct {
	Lost     bool    `json:",omitempty"`
	Status   int     `json:",omitempty"`
	Code     string  `json:",omitempty"`
	Replayed bool    `json:",omitempty"`
	Order    *Order  `json:",omitempty"`
	Named    string  `json:",omitempty"` // the SKU that a refusal names
	Because  string  `json:",omitempty"` // the order that a refusal names
	View     *View   `json:",omitempty"`
	List     []Order `json:",omitempty"`
}

type Operation struct {
	Client       int
	Call, Return int64
	In           In
	Out          Out
	Server       int // which start of the server was asked
}

type SKUSpec struct {
	ID    string
	Stock int64
}

// Spec is what the drop was created with; 0 stands for no limit, no hold, no time.
type Spec struct {
	ID            string
	SKUs          []SKUSpec
	Limit         int64
	HoldMs        int64
	KeepMs        int64
	Opens, Closes int64
}

type History struct {
	Seed       int64
	Number     int
	Spec       Spec
	Operations []Operation
}

func (h *History) write(path string) error {
	text, err := json.MarshalIndent(h, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}

func readHistory(path string) (*History, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	h := &History{}
	return h, json.Unmarshal(text, h)
}

func linesAre(a, b []Line) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

package main

// One connection of a client, HTTP/1.1 by hand: a library that asks again by itself would hide what this is about.

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const patience = 20 * time.Second // for one answer; longer is an unknown outcome

// position is the newest Dibs-Position that anybody has heard. Sent along, no answer may be older (docs/API), which
// makes every reading one that a linearizable history has to explain.
type position struct{ sequence int64 }

func (p *position) hear(text string) {
	_, after, _ := strings.Cut(text, "-")
	sequence, err := strconv.ParseInt(after, 10, 64)
	for err == nil {
		known := atomic.LoadInt64(&p.sequence)
		if sequence <= known || atomic.CompareAndSwapInt64(&p.sequence, known, sequence) {
			return
		}
	}
}

func (p *position) text() string {
	return fmt.Sprintf("0-%d", atomic.LoadInt64(&p.sequence))
}

type request struct {
	method, path, key string
	body              interface{}
}

type reply struct {
	status   int
	replayed bool
	body     []byte
}

type connection struct {
	socket   net.Conn
	reader   *bufio.Reader
	server   int // which start of the server
	position *position
	key      string
}

func (c *connection) close() {
	if c.socket != nil {
		c.socket.Close()
		c.socket = nil
	}
}

func (c *connection) bytes(r *request) []byte {
	var text []byte
	if r.body != nil {
		text, _ = json.Marshal(r.body)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: lin\r\nAuthorization: Bearer %s\r\n", r.method, r.path, c.key)
	if r.key != "" {
		fmt.Fprintf(&b, "Idempotency-Key: %s\r\n", r.key)
	}
	if r.method == "GET" {
		fmt.Fprintf(&b, "Dibs-Position: %s\r\n", c.position.text())
	} else {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(text))
	}
	if r.body != nil {
		b.WriteString("Content-Type: application/json\r\n")
	}
	b.WriteString("\r\n")
	b.Write(text)
	return b.Bytes()
}

func (c *connection) send(bytes []byte) error {
	c.socket.SetDeadline(time.Now().Add(patience))
	_, err := c.socket.Write(bytes)
	return err
}

// receive is a whole answer, or an error: then the outcome is unknown.
func (c *connection) receive() (*reply, error) {
	response, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	c.position.hear(response.Header.Get("Dibs-Position"))
	if response.Close {
		c.close()
	}
	return &reply{response.StatusCode, response.Header.Get("Idempotency-Replayed") == "true", body}, nil
}

// ---- bodies ----

type wireOrder struct {
	ID        string     `json:"id"`
	Buyer     string     `json:"buyer"`
	Status    string     `json:"status"`
	Lines     []Line     `json:"lines"`
	CreatedAt *time.Time `json:"created_at"`
	HoldUntil *time.Time `json:"hold_until"`
	EndedAt   *time.Time `json:"ended_at"`
	Position  int        `json:"position"`
}

type wireDrop struct {
	State   string `json:"state"`
	Granted int    `json:"granted"`
	SKUs    []struct {
		ID    string `json:"id"`
		Stock int64  `json:"stock"`
		Free  int64  `json:"free"`
		Held  int64  `json:"held"`
		Sold  int64  `json:"sold"`
	} `json:"skus"`
}

type wireList struct {
	Orders []wireOrder `json:"orders"`
	Next   string      `json:"next"`
}

type wireProblem struct {
	Code  string `json:"code"`
	SKU   string `json:"sku"`
	Order string `json:"order"`
}

func millis(t *time.Time) int64 {
	if t == nil {
		return 0
	}
	return t.UnixMilli()
}

func (w *wireOrder) order() *Order {
	return &Order{ID: w.ID, Buyer: w.Buyer, Status: w.Status, Lines: w.Lines, Created: millis(w.CreatedAt),
		Until: millis(w.HoldUntil), Ended: millis(w.EndedAt), Position: w.Position}
}

func (w *wireDrop) view() *View {
	v := &View{State: w.State, Granted: w.Granted}
	for _, s := range w.SKUs {
		v.SKUs = append(v.SKUs, SKUView{s.ID, s.Stock, s.Free, s.Held, s.Sold})
	}
	return v
}

// out reads an answer to a question of that kind.
func (r *reply) out(kind string) (Out, error) {
	o := Out{Status: r.status, Replayed: r.replayed}
	if r.status >= 300 {
		var p wireProblem
		err := json.Unmarshal(r.body, &p)
		o.Code, o.Named = p.Code, p.SKU
		if p.Code == "limit_reached" {
			o.Because = p.Order
		}
		if err == nil && p.Code == "" {
			err = fmt.Errorf("a problem without a code: %s", r.body)
		}
		return o, err
	}
	switch kind {
	case kindClaim, kindConfirm, kindCancel, kindOrder:
		var w wireOrder
		err := json.Unmarshal(r.body, &w)
		o.Order = w.order()
		return o, err
	case kindList:
		var w wireList
		err := json.Unmarshal(r.body, &w)
		o.List = []Order{}
		for i := range w.Orders {
			o.List = append(o.List, *w.Orders[i].order())
		}
		if err == nil && w.Next != "" {
			err = fmt.Errorf("a list of more than a page")
		}
		return o, err
	}
	var w wireDrop
	err := json.Unmarshal(r.body, &w)
	o.View = w.view()
	return o, err
}

// peer-redis: what a team would write today for the same job. Go, fasthttp, go-redis, and one atomic Lua script
// (member check, stock, decrement, add) on a Redis that syncs every write (appendfsync always).
//
//	peer-redis -listen 127.0.0.1:8070 -redis /tmp/redis.sock -drop bench -stock 100000000
//
// It answers the same requests as dibs, POST /v1/drops/{drop}/buyers/{buyer}/orders, so that the same script of wrk runs
// against both: 201, or 409 with a code.
package main

import (
	"bytes"
	"context"
	_ "embed"
	"flag"
	"log"

	"github.com/redis/go-redis/v9"
	"github.com/valyala/fasthttp"
)

//go:embed claim.lua
var claimText string

func between(path, prefix, suffix []byte) ([]byte, bool) {
	if len(path) <= len(prefix)+len(suffix) || !bytes.HasPrefix(path, prefix) || !bytes.HasSuffix(path, suffix) {
		return nil, false
	}
	return path[len(prefix) : len(path)-len(suffix)], true
}

func main() {
	listen := flag.String("listen", "127.0.0.1:8070", "address to listen on")
	socket := flag.String("redis", "/tmp/redis.sock", "Redis' socket")
	drop := flag.String("drop", "bench", "the drop")
	stock := flag.Int64("stock", 100, "its units")
	pool := flag.Int("pool", 64, "connections to Redis")
	flag.Parse()

	ctx := context.Background()
	db := redis.NewClient(&redis.Options{Network: "unix", Addr: *socket, PoolSize: *pool})
	claim := redis.NewScript(claimText)
	buyersKey, stockKey := "{"+*drop+"}:buyers", "{"+*drop+"}:stock"
	if err := db.Set(ctx, stockKey, *stock, 0).Err(); err != nil {
		log.Fatal(err)
	}
	if err := claim.Load(ctx, db).Err(); err != nil {
		log.Fatal(err)
	}
	keys := []string{buyersKey, stockKey}
	prefix, suffix := []byte("/v1/drops/"+*drop+"/buyers/"), []byte("/orders")

	handler := func(c *fasthttp.RequestCtx) {
		buyer, ok := between(c.Path(), prefix, suffix)
		if !ok || !c.IsPost() {
			c.SetStatusCode(404)
			return
		}
		verdict, err := claim.EvalSha(ctx, db, keys, string(buyer)).Int()
		c.SetContentType("application/json")
		switch {
		case err != nil:
			c.SetStatusCode(503)
			c.SetBodyString(`{"code":"unknown_outcome"}`)
		case verdict == 1:
			c.SetStatusCode(201)
			c.SetBodyString(`{"drop":"` + *drop + `","buyer":"` + string(buyer) + `","status":"completed"}`)
		case verdict == 0:
			c.SetStatusCode(409)
			c.SetBodyString(`{"code":"sold_out"}`)
		default:
			c.SetStatusCode(409)
			c.SetBodyString(`{"code":"limit_reached"}`)
		}
	}
	log.Printf("listening on %s", *listen)
	log.Fatal((&fasthttp.Server{Handler: handler, Name: "peer"}).ListenAndServe(*listen))
}

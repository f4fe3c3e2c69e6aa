-- Claims for wrk, the same for every server: each request is of another buyer, with a key of its own.
--   wrk … -s bench/claims.lua http://127.0.0.1:8080 -- DROP RUN API_KEY
-- RUN makes the names of one run differ from all others'. The last line of output is for bench/run.py.
local thread_count = 0
local count = 0
local head, middle, tail

function setup(thread)
	thread:set("number", thread_count)
	thread_count = thread_count + 1
end

function init(args)
	local drop, run, key = args[1], args[2], args[3]
	local who = run .. "-" .. number .. "-"
	head = "POST /v1/drops/" .. drop .. "/buyers/" .. who
	middle = "/orders HTTP/1.1\r\nHost: " .. wrk.host .. ":" .. wrk.port .. "\r\nAuthorization: Bearer " .. key ..
		"\r\nIdempotency-Key: " .. who
	tail = "\r\nContent-Length: 0\r\n\r\n"
end

function request()
	count = count + 1
	return head .. count .. middle .. count .. tail
end

function done(summary, latency)
	local e = summary.errors
	io.write(string.format(
		'{"requests":%d,"seconds":%.6f,"not_2xx":%d,"lost":%d,"p50_ms":%.3f,"p99_ms":%.3f,"max_ms":%.3f}\n',
		summary.requests, summary.duration / 1e6, e.status, e.connect + e.read + e.write + e.timeout,
		latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3))
end

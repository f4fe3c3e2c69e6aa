-- One claim, whole or not at all. KEYS: the buyers of the drop, its stock. ARGV: the buyer.
-- 1: granted, 0: sold out, -1: the buyer has one.
if redis.call('SISMEMBER', KEYS[1], ARGV[1]) == 1 then
	return -1
end
if tonumber(redis.call('GET', KEYS[2]) or '0') < 1 then
	return 0
end
redis.call('DECR', KEYS[2])
redis.call('SADD', KEYS[1], ARGV[1])
return 1

-- A node goes. Whoever is still there through it may come back to another one for a while.
-- KEYS: as in node_renew. ARGV: the node, the while in ms.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[2], now + ARGV[2], ARGV[1])
return 0

-- Adds an entry to the deny list, or replaces it, and drops some that are over.
-- KEYS: entries, their names in the order of the changes, their names by their end, counters. ARGV: the
-- entry's name, the entry, its end in ms; how many there may be; the channel of changes.
-- Returns whether there was room.
local entries, log, ends, counters = unpack(KEYS)
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, name in ipairs(redis.call('ZRANGEBYSCORE', ends, '-inf', now, 'LIMIT', 0, 100)) do
  redis.call('HDEL', entries, name)
  redis.call('ZREM', log, name)
  redis.call('ZREM', ends, name)
end
if redis.call('HLEN', entries) >= tonumber(ARGV[4]) and redis.call('HEXISTS', entries, ARGV[1]) == 0 then
  return 0
end
redis.call('HSET', entries, ARGV[1], ARGV[2])
redis.call('ZADD', log, redis.call('HINCRBY', counters, 'changes', 1), ARGV[1])
redis.call('ZADD', ends, ARGV[3], ARGV[1])
redis.call('PUBLISH', ARGV[5], '')
return 1

-- Adds what everyone is told, if something is given, and returns {how many there have been, an id and a record for each of those that
-- the node does not know and that are kept}.
-- KEYS: the number, the list. ARGV: how many the node knows; how many are kept; an id and a record.
if ARGV[3] then
  local last = redis.call('LRANGE', KEYS[2], -2, -2)
  if last[1] ~= ARGV[3] then
    redis.call('RPUSH', KEYS[2], ARGV[3], ARGV[4])
    if redis.call('EXISTS', KEYS[1]) == 0 then
      redis.call('SET', KEYS[1], redis.call('TIME')[1] .. '000') -- past all numbers there have been if they are lost
    end
    redis.call('INCR', KEYS[1])
    redis.call('LTRIM', KEYS[2], -2 * ARGV[2], -1)
  end
end
local counted = tonumber(redis.call('GET', KEYS[1]) or 0)
local missing = counted - ARGV[1]
if missing < 0 then
  missing = counted -- this is another list
end
local news = {}
if missing > 0 then
  news = redis.call('LRANGE', KEYS[2], -2 * missing, -1)
end
return {counted, news}

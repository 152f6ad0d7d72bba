-- Lets one node tell that a client has gone.
-- KEYS: the list that the client's place is on, the mark of who tells. ARGV: the place, who wants to tell, for how long the mark
-- is kept, in ms; whether that one is the client's own node, which takes the place off the list.
-- Returns whether that one is to tell. It may ask again; one that is not the client's own node until the place is off the list.
local own = ARGV[4] == '1'
local listed = redis.call('SISMEMBER', KEYS[1], ARGV[1]) == 1
local mark = redis.call('GET', KEYS[2])
if mark and mark ~= ARGV[2] or not listed and not own then
  return 0
end
if not mark then
  redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
end
if own then
  redis.call('SREM', KEYS[1], ARGV[1])
end
return 1

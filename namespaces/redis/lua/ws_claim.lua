-- Lets one node tell that a client has gone.
-- KEYS: the list that the client's place is on, the mark of who tells. ARGV: the place, who wants to tell, for how long the mark
-- is kept, in ms; whether that one is the client's own node, which takes the place off the list and needs no mark.
-- Returns whether that one is to tell. It may ask again; one that is not the client's own node until the place is off the list.
local mark = redis.call('GET', KEYS[2])
if ARGV[4] == '1' then
  if mark then
    return 0
  end
  redis.call('SREM', KEYS[1], ARGV[1])
  return 1
end
if mark and mark ~= ARGV[2] or redis.call('SISMEMBER', KEYS[1], ARGV[1]) == 0 then
  return 0
end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
return 1

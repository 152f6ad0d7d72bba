-- Deletes a room.
-- KEYS: room, users, names, sockets, messages, keys, sent, the mark of a deleted room. ARGV: an id of this
-- call, the user who wants it.
-- Returns: {0} without a room; {1} if the user has not made it; or {2, the sockets in it}.
if redis.call('GET', KEYS[8]) == ARGV[1] then
  return {2, {}} -- also if there is a room again, which is another
end
local creator = redis.call('HGET', KEYS[1], 'creator')
if not creator then
  return {0}
end
if creator ~= ARGV[2] then
  return {1}
end
local list = redis.call('HKEYS', KEYS[4])
redis.call('DEL', unpack(KEYS, 1, 7))
redis.call('SET', KEYS[8], ARGV[1], 'PX', 60000)
return {2, list}

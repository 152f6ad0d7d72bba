-- Adds a room to the list of all rooms.
-- KEYS: rooms by users, what is known of rooms, empty rooms by age, rooms made by each user. ARGV: the
-- room; what is known of it; its creator, whether it stays; how many rooms there may be, and how many that
-- one user has made.
-- Returns: {0, what is known of the room}; {1} if there are too many rooms, {2} too many of the
-- user; {3, a room that may go}.
local counts, infos, empty, made = unpack(KEYS)
local room, info, creator = ARGV[1], ARGV[2], ARGV[3]
local known = redis.call('HGET', infos, room)
if known then
  return {0, known}
end
if ARGV[4] == '1' and tonumber(redis.call('HGET', made, creator) or 0) >= tonumber(ARGV[6]) then
  return {2}
end
if redis.call('HLEN', infos) >= tonumber(ARGV[5]) then
  local oldest = redis.call('ZRANGE', empty, 0, 0)[1]
  if oldest then
    return {3, oldest}
  end
  return {1}
end
redis.call('HSET', infos, room, info)
redis.call('ZADD', counts, 0, room)
if ARGV[4] == '1' then
  redis.call('HINCRBY', made, creator, 1)
end
return {0, info}

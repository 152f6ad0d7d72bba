-- Takes a room off the list.
-- KEYS: as in chats_add. ARGV: the room.
local info = redis.call('HGET', KEYS[2], ARGV[1])
if not info then
  return 0
end
info = cjson.decode(info)
if info.made and redis.call('HINCRBY', KEYS[4], info.creator, -1) < 1 then
  redis.call('HDEL', KEYS[4], info.creator)
end
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
return 1

-- Takes sockets of a node out of a room, which goes if nothing would be lost with it.
-- KEYS: room, users, names, sockets, messages, keys, sent. ARGV: an id of this call, the
-- node, the sockets.
-- Returns: whether there is still a room, how many users it has, whether it stays, ids of the
-- users who have left, their names.
local room, users, names, sockets, messages = unpack(KEYS)
local op, node = ARGV[1], ARGV[2]
if redis.call('EXISTS', room) == 0 then
  return {0, 0, '0', {}, {}}
end
local info = redis.call('HMGET', room, 'made', 'op', 'result')
local left = {{}, {}}
if info[2] == op then
  left = cmsgpack.unpack(info[3])
else
  for i = 3, #ARGV do
    local seat = redis.call('HGET', sockets, ARGV[i])
    local at, user
    if seat then
      at, user = string.match(seat, '^(%S+) (.*)$')
    end
    if at == node then
      redis.call('HDEL', sockets, ARGV[i])
      local count, name = string.match(redis.call('HGET', names, user) or '1 ', '^(%d+) (.*)$')
      if tonumber(count) > 1 then
        redis.call('HSET', names, user, (count - 1) .. ' ' .. name)
      else
        redis.call('HDEL', names, user)
        redis.call('ZREM', users, user)
        table.insert(left[1], user)
        table.insert(left[2], name)
      end
    end
  end
  redis.call('HSET', room, 'op', op, 'result', cmsgpack.pack(left))
end
local there = 1
if redis.call('EXISTS', sockets) == 0 and redis.call('EXISTS', messages) == 0 and info[1] ~= '1' then
  redis.call('DEL', unpack(KEYS))
  there = 0
end
return {there, redis.call('ZCARD', users), info[1], left[1], left[2]}

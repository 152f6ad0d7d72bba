-- Puts a socket into a room.
-- KEYS: room, users, names, sockets, messages. ARGV: an id of this call; the socket, its node,
-- its user's id and name; how many users and messages to return; then, to make the room if
-- there is none: its name, creator, time and whether it stays.
-- Returns: {0} without a room; or {1, whether the user is new, name and time of the room,
-- whether it stays, how many users, their ids, their names, messages}.
local room, users, names, sockets, messages = unpack(KEYS)
local op, socket, node, user, name = unpack(ARGV)
if redis.call('EXISTS', room) == 0 then
  if not ARGV[8] then
    return {0}
  end
  redis.call('HSET', room, 'name', ARGV[8], 'creator', ARGV[9], 'created', ARGV[10], 'made', ARGV[11])
end
local info = redis.call('HMGET', room, 'name', 'created', 'made', 'op', 'result')

local seat = redis.call('HGET', sockets, socket)
if seat then
  user = string.match(seat, '^%S+ (.*)$')
end
local first = 0
if info[4] == op then
  first = tonumber(info[5])
else
  local entry = redis.call('HGET', names, user)
  local count = entry and tonumber(string.match(entry, '^%d+')) or 0
  if not seat then
    if not entry then
      first = 1
      redis.call('ZADD', users, redis.call('HINCRBY', room, 'seq', 1), user)
    end
    count = count + 1
  end
  redis.call('HSET', names, user, count .. ' ' .. name)
  redis.call('HSET', sockets, socket, node .. ' ' .. user)
  redis.call('HSET', room, 'op', op, 'result', first)
end

local ids = redis.call('ZRANGE', users, 0, ARGV[6] - 1)
local listed = false
for _, id in ipairs(ids) do
  listed = listed or id == user
end
if not listed then
  ids[#ids] = user
end
local list = {}
for i = 1, #ids, 1000 do
  for _, entry in ipairs(redis.call('HMGET', names, unpack(ids, i, math.min(i + 999, #ids)))) do
    list[#list + 1] = entry and string.match(entry, '^%d+ (.*)$') or ''
  end
end
return {1, first, info[1], info[2], info[3], redis.call('ZCARD', users), ids, list, redis.call('LRANGE', messages, -ARGV[7], -1)}

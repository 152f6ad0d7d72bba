-- Adds messages to the history of a room, which keeps the newest.
-- KEYS: room, messages, keys, sent. ARGV: an id of this call; how many messages are kept; then
-- for each message its id, the key by which it is known if it is sent again, or nothing, and
-- its text.
-- Returns: {0} without a room; {1, the newest id} if an id is not past that; or {2, for each
-- message what has been sent before with its key, or nothing}.
local room, messages, keys, sent = unpack(KEYS)
local info = redis.call('HMGET', room, 'creator', 'last', 'op', 'result', 'total')
if not info[1] then
  return {0}
end
if info[3] == ARGV[1] then
  return {2, cmsgpack.unpack(info[4])}
end
local last, total = info[2] or '', tonumber(info[5] or 0)
if ARGV[3] <= last then
  return {1, last}
end
local before = {}
for i = 3, #ARGV, 3 do
  local id, key, text = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local known = key ~= '' and redis.call('HGET', sent, key)
  known = known and redis.call('LINDEX', messages, known - total - 1)
  if known then
    before[#before + 1] = known
  else
    before[#before + 1] = ''
    total, last = total + 1, id
    redis.call('RPUSH', messages, text)
    redis.call('RPUSH', keys, key)
    if key ~= '' then
      redis.call('HSET', sent, key, total)
    end
    while redis.call('LLEN', messages) > tonumber(ARGV[2]) do
      redis.call('LPOP', messages)
      local old = redis.call('LPOP', keys)
      if old and old ~= '' then
        redis.call('HDEL', sent, old)
      end
    end
  end
end
redis.call('HSET', room, 'last', last, 'total', total, 'op', ARGV[1], 'result', cmsgpack.pack(before))
return {2, before}

-- Adds messages to the history of a room, which keeps the newest.
-- KEYS: room, messages, keys, sent. ARGV: how many messages are kept; then for each message its
-- id, the key by which it is known if it is sent again, or nothing, and its text.
-- Returns: {0} without a room; {1, the newest id} if an id is not past that, unless the messages have been added before, by the same
-- call; or {2, for each message what has been sent before with its key, or nothing}.
local room, messages, keys, sent = unpack(KEYS)
local info = redis.call('HMGET', room, 'creator', 'last', 'total')
if not info[1] then
  return {0}
end
local last, total = info[2] or '', tonumber(info[3] or 0)

local function known(key)
  local number = key ~= '' and redis.call('HGET', sent, key)
  return number and redis.call('LINDEX', messages, number - total - 1)
end

-- Each begins with {"id":" and the 24 digits of its id, by which they are in order.
local function kept(id)
  local start, stop = 0, redis.call('LLEN', messages)
  while start < stop do
    local middle = math.floor((start + stop) / 2)
    local there = string.sub(redis.call('LINDEX', messages, middle), 8, 31)
    if there == id then
      return true
    elseif there < id then
      start = middle + 1
    else
      stop = middle
    end
  end
  return false
end

local before = {}
if ARGV[2] <= last then
  local again = false
  for i = 2, #ARGV, 3 do
    local there = kept(ARGV[i])
    again = again or there
    before[#before + 1] = not there and known(ARGV[i + 1]) or ''
  end
  return again and {2, before} or {1, last}
end
for i = 2, #ARGV, 3 do
  local id, key, text = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local first = known(key)
  before[#before + 1] = first or ''
  if not first then
    total, last = total + 1, id
    redis.call('RPUSH', messages, text)
    redis.call('RPUSH', keys, key)
    if key ~= '' then
      redis.call('HSET', sent, key, total)
    end
    while redis.call('LLEN', messages) > tonumber(ARGV[1]) do
      redis.call('LPOP', messages)
      local old = redis.call('LPOP', keys)
      if old and old ~= '' then
        redis.call('HDEL', sent, old)
      end
    end
  end
end
redis.call('HSET', room, 'last', last, 'total', total)
return {2, before}

-- Returns a page of the history of a room.
-- KEYS: room, messages. ARGV: the id before which the messages are, or nothing; how many.
-- Returns: {0} without a room; or {1, whether there are older ones, messages}.
local room, messages = unpack(KEYS)
if redis.call('EXISTS', room) == 0 then
  return {0}
end
local stop = redis.call('LLEN', messages)
if ARGV[1] ~= '' then
  local start = 0
  while start < stop do
    local middle = math.floor((start + stop) / 2)
    -- Each begins with {"id":" and the 24 digits of its id.
    if string.sub(redis.call('LINDEX', messages, middle), 8, 31) < ARGV[1] then
      start = middle + 1
    else
      stop = middle
    end
  end
end
local start = math.max(0, stop - ARGV[2])
if start == stop then
  return {1, 0, {}}
end
return {1, start > 0 and 1 or 0, redis.call('LRANGE', messages, start, stop - 1)}

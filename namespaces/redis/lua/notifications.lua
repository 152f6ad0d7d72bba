-- One operation on what one user has been told.
-- KEYS: head, ids, unread, records. ARGV: the node; how many for everyone there have been; how many each user keeps; how long a list
-- lives that nobody touches, in ms; for how long changes by two nodes count as simultaneous, in ms; how many for everyone follow, the
-- newest of them; an id and a record for each; the operation and what belongs to it.
-- Returns {0, how many for everyone the list has}, if it lacks some, or {1, unread, whether another node has just changed it, what
-- the operation returns}.
local head, ids, unread, records = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local node, counted, kept = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local given = tonumber(ARGV[6])
local rest = 7 + 2 * given
local operation = ARGV[rest]

local function drop(id)
  redis.call('HDEL', records, id)
  redis.call('ZREM', unread, id)
end

local function put(id, record)
  if redis.call('HSETNX', records, id, record) == 1 then
    redis.call('ZADD', ids, 0, id)
    redis.call('ZADD', unread, 0, id)
  end
end

-- page returns records and whether they have been read, newest first.
local function page(before, limit, unreadOnly)
  local from = '+'
  if before ~= '' then
    from = '(' .. before
  end
  local list = {}
  for _, id in ipairs(redis.call('ZREVRANGEBYLEX', unreadOnly == '1' and unread or ids, from, '-', 'LIMIT', 0, limit)) do
    list[#list + 1] = id
    list[#list + 1] = redis.call('HGET', records, id)
    list[#list + 1] = redis.call('ZSCORE', unread, id) and 0 or 1
  end
  return list
end

local before = redis.call('HMGET', head, 'everyone', 'node', 'changed')
local has = tonumber(before[1] or counted)
if has < counted then
  if given == 0 then
    return {0, has}
  end
  for i = math.max(0, has - counted + given), given - 1 do
    put(ARGV[7 + 2 * i], ARGV[8 + 2 * i])
  end
end

local result = 0
if operation == 'add' then
  put(ARGV[rest + 1], ARGV[rest + 2])
elseif operation == 'read' then
  for i = rest + 1, #ARGV do
    result = result + redis.call('ZREM', unread, ARGV[i])
  end
elseif operation == 'read-all' then
  result = redis.call('ZCARD', unread)
  redis.call('DEL', unread)
elseif operation == 'list' then
  result = page(ARGV[rest + 1], ARGV[rest + 2], ARGV[rest + 3])
end

local over = redis.call('ZCARD', ids) - kept
if over > 0 then
  local popped = redis.call('ZPOPMIN', ids, over)
  for i = 1, #popped, 2 do
    drop(popped[i])
  end
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local other = 0
if operation ~= 'list' then
  -- Who only counts again has the right number, and need not count once more.
  if operation ~= 'recount' and before[2] and before[2] ~= node and now - before[3] < tonumber(ARGV[5]) then
    other = 1
  end
  redis.call('HSET', head, 'node', node, 'changed', now)
end
redis.call('HSET', head, 'everyone', math.max(has, counted))
for _, key in ipairs(KEYS) do
  redis.call('PEXPIRE', key, ARGV[4])
end
return {1, redis.call('ZCARD', unread), other, result}

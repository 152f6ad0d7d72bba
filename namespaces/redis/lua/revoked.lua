-- Returns the entries of the deny list that have changed since.
-- KEYS: as in revoke. ARGV: the number of the last change that is known, and of which list; a name for a list
-- that has none; how many to return.
-- Returns: the list, the number of the last change that is returned, the names of the entries, the entries.
local entries, log, ends, counters = unpack(KEYS)
redis.call('HSETNX', counters, 'list', ARGV[3])
local list = redis.call('HGET', counters, 'list')
local since = list == ARGV[2] and ARGV[1] or '0'
local found = redis.call('ZRANGEBYSCORE', log, '(' .. since, '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[4])
local names, values = {}, {}
for i = 1, #found, 2 do
  names[#names + 1] = found[i]
  values[#values + 1] = redis.call('HGET', entries, found[i]) or ''
  since = found[i + 1]
end
return {list, since, names, values}

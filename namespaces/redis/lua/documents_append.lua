-- Adds edits to a document if the node knows all before. ARGV: version, mark, edits to keep, version that the first text has, new
-- whole text or nothing and its version, edits.
-- Returns {1}, or {0, what is unknown}.
local version = tonumber(ARGV[1])
local news = unknown()
if news[1] == 1 and (news[5] or #news[6] > 0) or news[1] == 0 and version ~= tonumber(ARGV[4]) then
  return {0, news}
end
for first = 7, #ARGV, 1000 do
  redis.call('RPUSH', KEYS[2], unpack(ARGV, first, math.min(first + 999, #ARGV)))
end
redis.call('LTRIM', KEYS[2], -tonumber(ARGV[3]), -1)
redis.call('HSET', KEYS[1], 'version', version + #ARGV - 6)
if ARGV[6] ~= '' then
  redis.call('HSET', KEYS[1], 'content', ARGV[5], 'base', ARGV[6])
end
return {1}

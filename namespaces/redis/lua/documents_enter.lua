-- Puts a socket into a document. ARGV: version, mark, socket, node, user, whether it stays where it is on another node.
-- Returns {what is unknown, the tab as it was, all tabs}. A tab is its number, its node and its user.
local tab = redis.call('HGET', KEYS[3], ARGV[3])
local number = tab and string.match(tab, '^%d+')
if not (tab and ARGV[6] == '1' and string.match(tab, '^%d+ (%S+)') ~= ARGV[4]) then
  number = number or redis.call('HINCRBY', KEYS[3], '', 1)
  redis.call('HSET', KEYS[3], ARGV[3], number .. ' ' .. ARGV[4] .. ' ' .. ARGV[5])
end
return {unknown(), tab, redis.call('HGETALL', KEYS[3])}

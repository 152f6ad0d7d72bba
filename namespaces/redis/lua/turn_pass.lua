-- Ends a node's turn. The next in the queue has it for a moment, in which it must take it.
-- KEYS: the turn, its queue. ARGV: the node, the moment in ms; what the names of the
-- nodes' channels begin with; the message.
if redis.call('HGET', KEYS[1], 'node') ~= ARGV[1] then
  return 0
end
local next = redis.call('LPOP', KEYS[2])
if not next then
  redis.call('HSET', KEYS[1], 'until', 0)
  return 0
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], 'node', next, 'until', now + ARGV[2])
redis.call('PUBLISH', ARGV[3] .. next, ARGV[4])
return 1

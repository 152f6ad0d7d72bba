-- Gives a node the turn, or puts it into the queue of those who want it and tells the
-- node that has it.
-- KEYS: the turn, its queue. ARGV: the node, its lease and how long the turn is remembered
-- afterwards, in ms; what the names of the nodes' channels begin with; the message.
-- Returns: whether it has the turn, who had it before, how many others want it, whether that one has not ended it, or nobody
-- knows.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local turn = redis.call('HMGET', KEYS[1], 'node', 'until', 'last')
if turn[1] and turn[1] ~= ARGV[1] and tonumber(turn[2]) > now then
  if not redis.call('LPOS', KEYS[2], ARGV[1]) then
    redis.call('RPUSH', KEYS[2], ARGV[1])
  end
  redis.call('PEXPIRE', KEYS[2], ARGV[3])
  redis.call('PUBLISH', ARGV[4] .. turn[1], ARGV[5])
  return {0, '', 0}
end
local lapsed = 0
if not turn[1] or turn[1] ~= ARGV[1] and turn[1] == turn[3] and turn[2] ~= '0' then
  lapsed = 1
end
redis.call('LREM', KEYS[2], 0, ARGV[1])
redis.call('HSET', KEYS[1], 'node', ARGV[1], 'until', now + ARGV[2], 'last', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2] + ARGV[3])
return {1, turn[3] or '', redis.call('LLEN', KEYS[2]), lapsed}

-- A node says that it is alive, and hears of one that is not, whose users it is to take out.
-- KEYS: the nodes by when they last said so, the dead ones by when somebody is to see to
-- them. ARGV: the node; whether it has said so before; how long a node is believed to live, in
-- ms; whether it may judge others.
-- Returns: 0 if the node has been taken for dead, else 1; ms since it last said so; a dead node.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local before = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not before and ARGV[2] == '1' then
  return {0, 0, ''}
end
redis.call('ZADD', KEYS[1], now, ARGV[1])
if ARGV[4] == '1' then
  for _, node in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[3], 'LIMIT', 0, 100)) do
    redis.call('ZREM', KEYS[1], node)
    redis.call('ZADD', KEYS[2], now, node)
  end
end
local dead = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 1)[1]
if dead then
  redis.call('ZADD', KEYS[2], now + ARGV[3], dead)
end
return {1, now - (before or now), dead or ''}

-- Removes a field of a hash if it is still this node's.
-- KEYS: the hash. ARGV: the node, the fields.
local dropped = 0
for i = 2, #ARGV do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[1] then
    dropped = dropped + redis.call('HDEL', KEYS[1], ARGV[i])
  end
end
return dropped

-- Notes that all clients have had the edits up to a version. KEYS: text. ARGV: version.
if redis.call('HGET', KEYS[1], 'version') ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[1], 'told', ARGV[1])
return 1

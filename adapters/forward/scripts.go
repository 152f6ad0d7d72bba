package forward

import "github.com/redis/go-redis/v9"

// The directory is one hash, so that a cluster has all of it on one master: a field for each server's tag, with the end
// of its life in Redis's time (milliseconds), its instance and its URL, signed if the secret is not shared here; and the secret, in a field that is no tag. It is
// forgotten a day after the last server.

// beat lists a server, unless another instance has its tag, and returns "1" if it is listed, the secret, and tag and URL
// of each other server that lives.
var beat = redis.NewScript(`
local tag, instance, url, life, proposal, most = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5], tonumber(ARGV[6])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local all, reply, secret, listed = redis.call('HGETALL', KEYS[1]), {'', ''}, '', '1'
for i = 1, #all, 2 do
  local field, value = all[i], all[i + 1]
  if field == '#secret' then
    secret = value
  else
    local ends, who, where = string.match(value, '^(%d+) (%S+) (%S+)$')
    if not ends or tonumber(ends) <= now then
      redis.call('HDEL', KEYS[1], field)
    elseif field ~= tag then
      if #reply < 2 * most then
        reply[#reply + 1] = field
        reply[#reply + 1] = where
      end
    elseif who ~= instance then
      listed = '0'
    end
  end
end
if listed == '1' then
  redis.call('HSET', KEYS[1], tag, string.format('%.0f %s %s', now + life, instance, url))
end
if secret == '' and proposal ~= '' then
  secret = proposal
  redis.call('HSET', KEYS[1], '#secret', secret)
end
redis.call('PEXPIRE', KEYS[1], 86400000)
reply[1], reply[2] = listed, secret
return reply
`)

// leave takes a server out.
var leave = redis.NewScript(`
local value = redis.call('HGET', KEYS[1], ARGV[1])
if value and string.match(value, '^%d+ (%S+) ') == ARGV[2] then
  redis.call('HDEL', KEYS[1], ARGV[1])
end
return 1
`)

-- Deletes a room in which nobody is, unless it stays. Returns whether it is gone, and how many users
-- it has.
-- KEYS: as in chat_leave.
if redis.call('EXISTS', KEYS[4]) == 1 or redis.call('HGET', KEYS[1], 'made') == '1' then
  return {0, redis.call('ZCARD', KEYS[2])}
end
redis.call('DEL', unpack(KEYS))
return {1, 0}

-- Returns the rooms with most users: names, user counts, what is known of each.
-- KEYS: as in chats_add. ARGV: how many.
local rooms = redis.call('ZREVRANGE', KEYS[1], 0, ARGV[1] - 1, 'WITHSCORES')
local names, counts, infos = {}, {}, {}
for i = 1, #rooms, 2 do
  names[#names + 1] = rooms[i]
  counts[#counts + 1] = rooms[i + 1]
  infos[#infos + 1] = redis.call('HGET', KEYS[2], rooms[i]) or ''
end
return {names, counts, infos}

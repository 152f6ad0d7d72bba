-- Takes a socket out of a document, or all, if it is there through a node. KEYS: tabs. ARGV: the node; the socket.
-- Returns {the tabs that it has taken out, in pairs with their sockets, those left}.
local gone = {}
local function leave(socket, tab)
  redis.call('HDEL', KEYS[1], socket)
  gone[#gone + 1] = socket
  gone[#gone + 1] = tab
end
if ARGV[2] then
  local tab = redis.call('HGET', KEYS[1], ARGV[2])
  if tab and string.match(tab, '^%d+ (%S+)') == ARGV[1] then
    leave(ARGV[2], tab)
  end
else
  local tabs = redis.call('HGETALL', KEYS[1])
  for i = 1, #tabs, 2 do
    if tabs[i] ~= '' and string.match(tabs[i + 1], '^%d+ (%S+)') == ARGV[1] then
      leave(tabs[i], tabs[i + 1])
    end
  end
end
if redis.call('HLEN', KEYS[1]) == 1 then
  redis.call('DEL', KEYS[1])
end
return {gone, redis.call('HGETALL', KEYS[1])}

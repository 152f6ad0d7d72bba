-- Begins the scripts about a document. KEYS: text, edits, tabs. ARGV[1] and ARGV[2] are the version that the node knows and the
-- mark of the edit that made it. An edit begins with its mark, which no other batch of edits has.
local marked = 16

-- unknown returns what the node does not know: {kept, version, base, told, content, edits}, without a content where the edits follow
-- on the node's version. All clients have had what came before told.
local function unknown()
  local text = redis.call('HMGET', KEYS[1], 'version', 'base', 'told')
  local version, base, told = tonumber(text[1]), tonumber(text[2]), tonumber(text[3] or 0)
  if not version then
    return {0, 0, 0, 0, false, {}}
  end
  local missing = version - tonumber(ARGV[1])
  if missing >= 0 and missing < redis.call('LLEN', KEYS[2]) then
    local known = redis.call('LINDEX', KEYS[2], -missing - 1)
    if string.sub(known, 1, marked) == ARGV[2] then
      local edits = {}
      if missing > 0 then
        edits = redis.call('LRANGE', KEYS[2], -missing, -1)
      end
      return {1, version, base, told, false, edits}
    end
  end
  return {1, version, base, told, redis.call('HGET', KEYS[1], 'content'), redis.call('LRANGE', KEYS[2], 0, -1)}
end


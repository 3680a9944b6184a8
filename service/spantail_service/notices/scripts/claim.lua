-- Hands out notices that are due, each for some time to one sender alone.
-- KEYS  1 items  2 pending
-- ARGV  now (ms), how long (ms), how many at most
-- Returns the JSON of each.
local found = {}
local due = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[1], 'LIMIT', 0, tonumber(ARGV[3]))
for _, id in ipairs(due) do
  local item = redis.call('HGET', KEYS[1], id)
  if item then
    redis.call('ZADD', KEYS[2], string.format('%.0f', tonumber(ARGV[1]) + tonumber(ARGV[2])), id)
    found[#found + 1] = item
  else
    redis.call('ZREM', KEYS[2], id)
  end
end
return found

-- Hands out the notice that is due first, for some time to one sender alone.
-- KEYS  1 items  2 pending
-- ARGV  now (ms), how long (ms)
-- Returns its JSON; nothing where none is due.
while true do
  local id = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[1], 'LIMIT', 0, 1)[1]
  if not id then return false end
  local item = redis.call('HGET', KEYS[1], id)
  if item then
    redis.call('ZADD', KEYS[2], string.format('%.0f', tonumber(ARGV[1]) + tonumber(ARGV[2])), id)
    return item
  end
  redis.call('ZREM', KEYS[2], id)
end

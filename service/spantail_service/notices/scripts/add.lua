-- Takes a notice in, once for what it is about.
-- KEYS  1 seen  2 items  3 recent  4 pending  5 dead
-- ARGV  what it is about, its id, its JSON, now (ms), 1 = it is to be sent, 1 = it is only remembered, how many are kept
-- Returns 1, or 0 where there was one about the same before.
local about, id, now_ms = ARGV[1], ARGV[2], ARGV[4]
local SEEN_MS = 7 * 86400000
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', tonumber(now_ms) - SEEN_MS))
if redis.call('ZADD', KEYS[1], 'NX', now_ms, about) == 0 then
  redis.call('ZADD', KEYS[1], 'XX', now_ms, about) -- for as long as it is met
  return 0
end
if ARGV[6] == '1' then return 1 end
redis.call('HSET', KEYS[2], id, ARGV[3])
redis.call('ZADD', KEYS[3], now_ms, id)
if ARGV[5] == '1' then redis.call('ZADD', KEYS[4], now_ms, id) end
for _, old in ipairs(redis.call('ZRANGE', KEYS[3], 0, -tonumber(ARGV[7]) - 1)) do
  redis.call('ZREM', KEYS[3], old)
  redis.call('ZREM', KEYS[4], old)
  redis.call('ZREM', KEYS[5], old)
  redis.call('HDEL', KEYS[2], old)
end
return 1

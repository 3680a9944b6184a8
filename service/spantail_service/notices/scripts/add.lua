-- Takes a notice in, once for what it is about, or once within a time.
-- KEYS  1 seen  2 items  3 recent  4 pending  5 dead
-- ARGV  what it is about, its id, its JSON, now (ms), 1 = it is to be sent, 1 = it is only remembered, how many are kept,
--       for how long there is no other one about the same (ms), 0 = for as long as it is met
-- Returns 1, or 0 where there was one about the same before.
local about, id, now_ms, again_ms = ARGV[1], ARGV[2], ARGV[4], tonumber(ARGV[8])
local SEEN_MS = 7 * 86400000
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', tonumber(now_ms) - SEEN_MS))
local before = tonumber(redis.call('ZSCORE', KEYS[1], about) or '')
if before and again_ms > 0 and now_ms - before < again_ms then return 0 end
redis.call('ZADD', KEYS[1], now_ms, about)
if before and again_ms == 0 then return 0 end
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

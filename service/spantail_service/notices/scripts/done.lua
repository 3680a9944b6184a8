-- Says how a try to send a notice ended.
-- KEYS  1 items  2 pending  3 dead  4 rules
-- ARGV  id, its JSON now, `sent`, `again` or `dead`, next try (ms), now (ms), rule, error
local id, outcome = ARGV[1], ARGV[3]
if redis.call('HEXISTS', KEYS[1], id) == 0 then return 0 end
redis.call('HSET', KEYS[1], id, ARGV[2])
if outcome == 'again' then
  redis.call('ZADD', KEYS[2], ARGV[4], id)
else
  redis.call('ZREM', KEYS[2], id)
end
if outcome == 'dead' then redis.call('ZADD', KEYS[3], ARGV[5], id) end
if outcome == 'sent' then redis.call('HSET', KEYS[4], ARGV[6] .. ':last_sent', ARGV[5]) end
redis.call('HSET', KEYS[4], ARGV[6] .. ':last_error', ARGV[7])
return 1

-- Hands the first waiting items to a runner, each under a lease and with a new fencing token.
-- ARGV  runner id, lease (ms), how many at most
-- Returns the fields of each item, and in how many ms the next delayed one is due (-1: there is none).
local runner, lease_ms, most = ARGV[FIRST], tonumber(ARGV[FIRST + 1]), tonumber(ARGV[FIRST + 2])

for _, id in ipairs(redis.call('ZRANGEBYSCORE', DELAYED, '-inf', score(now_ms), 'LIMIT', 0, 100)) do
  redis.call('ZREM', DELAYED, id)
  if redis.call('HGET', item_key(id), 'status') == 'delayed' then -- else somebody has deleted it
    wait(id, item_key(id), false)
    changed(id, 'pending')
  end
end

local claimed = {}
for list = 1, 3 do
  while #claimed < most do
    local id = redis.call('LPOP', KEYS[list])
    if not id then break end
    local item = item_key(id)
    if redis.call('HGET', item, 'status') == 'pending' then -- else somebody has deleted it
      redis.call('HINCRBY', item, 'token', 1)
      redis.call('HINCRBY', item, 'attempts', 1)
      redis.call('HSET', item, 'status', 'running', 'runner', runner, 'started', now_us)
      redis.call('SADD', RUNNING, id)
      redis.call('ZADD', LEASE, score(now_ms + lease_ms), id)
      claimed[#claimed + 1] = redis.call('HGETALL', item)
      changed(id, 'running')
    end
  end
end
local next = redis.call('ZRANGE', DELAYED, 0, 0, 'WITHSCORES')
return { claimed, next[2] and math.max(tonumber(next[2]) - now_ms, 0) or -1 }

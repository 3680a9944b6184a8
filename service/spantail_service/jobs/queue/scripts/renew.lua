-- Prolongs leases. A lease that has run out, but that nobody has taken, is still its holder's.
-- ARGV  lease (ms), then id and token of each item
-- Returns for each: 1 renewed, 2 renewed and to be cancelled, 0 no longer this holder's.
local lease_ms = tonumber(ARGV[FIRST])
local held = {}
for at = FIRST + 1, #ARGV, 2 do
  local id = ARGV[at]
  local state = redis.call('HMGET', item_key(id), 'status', 'token', 'cancel')
  if state[1] == 'running' and state[2] == ARGV[at + 1] then
    redis.call('ZADD', LEASE, score(now_ms + lease_ms), id)
    held[#held + 1] = state[3] and 2 or 1
  else
    held[#held + 1] = 0
  end
end
return held

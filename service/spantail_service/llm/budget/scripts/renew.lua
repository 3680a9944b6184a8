-- Prolongs a reservation while its call runs. One that was freed is made again: its money may still be spent.
-- ARGV  id, amount, lease (ms)
-- Returns { 1 }, or { 0, number of a scope whose limit is met by now, its state }.
local amount, lease_end = ARGV[OWN + 2], whole(now_ms + tonumber(ARGV[OWN + 3]))
local member = ARGV[OWN + 1] .. ' ' .. amount
if redis.call('EXISTS', KEYS[1]) == 1 then return { 1 } end
local met
for i = 1, COUNT do
  local one = scope(i)
  if redis.call('ZADD', one.held, lease_end, member) == 1 then redis.call('HINCRBY', one.hash, 'reserved', amount) end
  free_expired(one)
  touch(one)
  local limit, spent, reserved = state(one)
  if not met and limit >= 0 and (spent + reserved > limit or (spent >= limit and spent > 0)) then
    met = { 0, i, answer(one) }
  end
end
return met or { 1 }

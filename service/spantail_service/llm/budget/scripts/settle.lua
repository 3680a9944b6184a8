-- Books what a reservation came to, in all its scopes, once: also when its lease has run out meanwhile.
-- ARGV  id, amount that was reserved, what it came to, how long it is remembered that it is settled (ms)
-- Returns 1, or 0 where it was settled before.
local member, amount, cost, kept_ms = ARGV[OWN + 1] .. ' ' .. ARGV[OWN + 2], ARGV[OWN + 2], ARGV[OWN + 3], ARGV[OWN + 4]
if not redis.call('SET', KEYS[1], '1', 'NX', 'PX', kept_ms) then return 0 end
for i = 1, COUNT do
  local one = scope(i)
  if redis.call('ZREM', one.held, member) == 1 then redis.call('HINCRBY', one.hash, 'reserved', minus(amount)) end
  free_expired(one)
  redis.call('HINCRBY', one.hash, 'spent', cost)
  touch(one)
end
return 1

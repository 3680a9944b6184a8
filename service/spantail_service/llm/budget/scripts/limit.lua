-- Gives a scope a limit of its own, or takes it away.
-- ARGV  the limit; empty takes it away, so that the default holds
-- Returns its state.
local one = scope(1)
if ARGV[OWN + 1] == '' then
  redis.call('HDEL', one.hash, 'limit')
else
  redis.call('HSET', one.hash, 'limit', ARGV[OWN + 1])
end
free_expired(one)
touch(one)
return answer(one)

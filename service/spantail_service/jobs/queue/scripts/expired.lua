-- Looks for items whose lease has run out; changes nothing but what is left of deleted ones.
-- ARGV  how many at most
-- Returns the time (us) by Redis' clock, and the fields of each.
local found = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', LEASE, '-inf', score(now_ms), 'LIMIT', 0, tonumber(ARGV[FIRST]))) do
  local fields = redis.call('HGETALL', item_key(id))
  if #fields == 0 then release(id) else found[#found + 1] = fields end
end
return { now_us, found }

-- Reserves an amount in all scopes, or in none.
-- ARGV  id, amount, lease (ms), what becomes of an amount that is not known: `known` (it is), `refuse`, `allow`
-- Returns { 1, state of each scope }, { 0, number of the scope that has too little left, its state }, { 2, number of a
-- scope that has a limit }: the amount is not known.
local id, amount, lease_ms, known = ARGV[OWN + 1], ARGV[OWN + 2], tonumber(ARGV[OWN + 3]), ARGV[OWN + 4]
local wanted, member = tonumber(amount), id .. ' ' .. amount
local lease_end = whole(now_ms + lease_ms)
local scopes = {}
for i = 1, COUNT do
  scopes[i] = scope(i)
  free_expired(scopes[i])
end

local function done()
  local states = {}
  for i = 1, COUNT do states[i] = answer(scopes[i]) end
  return { 1, states }
end

if redis.call('EXISTS', KEYS[1]) == 1 then return done() end
if redis.call('ZSCORE', scopes[1].held, member) then return done() end -- the answer to the first time was lost
for i = 1, COUNT do
  local limit, spent, reserved = state(scopes[i])
  if limit >= 0 then
    local left = limit - spent - reserved
    if known == 'refuse' then return { 2, i } end
    if wanted > left or (known ~= 'known' and left <= 0) then
      redis.call('HSET', scopes[i].hash, 'refused', whole(limit))
      touch(scopes[i])
      return { 0, i, answer(scopes[i]) }
    end
  end
end
for i = 1, COUNT do
  redis.call('ZADD', scopes[i].held, lease_end, member)
  redis.call('HINCRBY', scopes[i].hash, 'reserved', amount)
  touch(scopes[i])
end
return done()

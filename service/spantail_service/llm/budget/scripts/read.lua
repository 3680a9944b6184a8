-- Says how budgets stand.
-- Returns for each scope: its state, and whether its HASH is there.
local states = {}
for i = 1, COUNT do
  local one = scope(i)
  free_expired(one)
  states[i] = answer(one)
  states[i][6] = redis.call('EXISTS', one.hash)
end
return states

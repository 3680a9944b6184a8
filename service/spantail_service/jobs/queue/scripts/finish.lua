-- Ends an attempt, by whoever holds its token.
-- ARGV  id, token, outcome, delay of a retry (ms), then names and values of fields
--       outcome: succeeded, failed, cancelled; retry: it runs again while it has attempts left; back: it runs again, and
--       this attempt does not count
-- Returns 1 done, 2 it was done before in this way, 0 the token is not the present one: nothing was changed; then the
-- status of the item, and the run of its next attempt where there is one.
local id, token, outcome, delay_ms = ARGV[FIRST], ARGV[FIRST + 1], ARGV[FIRST + 2], tonumber(ARGV[FIRST + 3])
local item = item_key(id)
local state = redis.call('HMGET', item, 'status', 'token', 'attempts', 'max_attempts', 'outcome', 'cancel', 'run_id')
if state[2] ~= token then return { 0, '', '' } end
if state[1] ~= 'running' then return { state[5] == outcome and 2 or 0, state[1], state[7] } end

release(id)
redis.call('HSET', item, 'outcome', outcome, unpack(ARGV, FIRST + 4))
local is_again = outcome == 'retry' or outcome == 'back'
local became = outcome
if is_again and state[6] then
  became = 'cancelled'
elseif outcome == 'retry' and tonumber(state[3]) >= tonumber(state[4]) then
  became = 'failed'
elseif is_again then
  became = delay_ms > 0 and 'delayed' or 'pending'
end
if became ~= 'delayed' and became ~= 'pending' then
  finish(id, item, became)
  return { 1, became, '' }
end

local run_id = next_run(id, item)
if outcome == 'back' then redis.call('HINCRBY', item, 'attempts', -1) end
if became == 'delayed' then
  delay(id, item, delay_ms)
else
  wait(id, item, outcome == 'back')
end
changed(id, became)
return { 1, became, run_id }

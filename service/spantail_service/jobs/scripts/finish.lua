-- Ends an attempt, by whoever holds its token.
-- ARGV  id, token, outcome (succeeded, failed, cancelled, retry), delay of a retry (ms), then names and values of fields
-- Returns 1 done, 2 it was done before in this way, 0 the token is not the present one: nothing was changed.
local id, token, outcome, delay_ms = ARGV[FIRST], ARGV[FIRST + 1], ARGV[FIRST + 2], tonumber(ARGV[FIRST + 3])
local item = item_key(id)
local state = redis.call('HMGET', item, 'status', 'token', 'attempts', 'max_attempts', 'outcome', 'cancel')
if state[2] ~= token then return 0 end
if state[1] ~= 'running' then return state[5] == outcome and 2 or 0 end

release(id)
redis.call('HSET', item, 'outcome', outcome, unpack(ARGV, FIRST + 4))
if outcome ~= 'retry' then
  finish(id, item, outcome)
elseif state[6] then
  finish(id, item, 'cancelled')
elseif tonumber(state[3]) >= tonumber(state[4]) then
  finish(id, item, 'failed')
elseif delay_ms > 0 then
  delay(id, item, delay_ms)
  changed(id, 'delayed')
else
  wait(id, item, false)
  changed(id, 'pending')
end
return 1

-- Has a failed or cancelled item run again, as a new run and with all its attempts.
-- ARGV  id
-- Returns 1 done, 0 it is neither failed nor cancelled.
local id = ARGV[FIRST]
local item = item_key(id)
local state = redis.call('HMGET', item, 'status', 'run_id', 'runs')
if state[1] ~= 'failed' and state[1] ~= 'cancelled' then return 0 end
local run_id, runs = state[2] or '', state[3] or ''
redis.call('ZREM', FAILED, id)
redis.call('LREM', HISTORY, 0, id)
redis.call('PERSIST', item)
redis.call('HSET', item, 'attempts', 0, 'run_id', '', 'runs', runs == '' and run_id or (runs .. ' ' .. run_id))
redis.call('HDEL', item, 'cancel', 'finished', 'outcome', 'result', 'error')
wait(id, item, false)
changed(id, 'pending')
return 1

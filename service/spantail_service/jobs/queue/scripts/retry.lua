-- Has a failed or cancelled item run again, as a new run and with all its attempts.
-- ARGV  id
-- Returns the new run; empty when the item is neither failed nor cancelled.
local id = ARGV[FIRST]
local item = item_key(id)
local status = redis.call('HGET', item, 'status')
if status ~= 'failed' and status ~= 'cancelled' then return '' end
redis.call('ZREM', FAILED, id)
redis.call('LREM', HISTORY, 0, id)
redis.call('PERSIST', item)
redis.call('HSET', item, 'attempts', 0)
redis.call('HDEL', item, 'cancel', 'finished', 'outcome', 'result', 'error')
local run_id = next_run(id, item)
wait(id, item, false)
changed(id, 'pending')
return run_id

-- Cancels an item: at once where it waits, by its runner where it runs.
-- ARGV  id
-- Returns 1 cancelled, 2 its runner was asked to, 0 it is over or was never there.
local id = ARGV[FIRST]
local item = item_key(id)
local status = redis.call('HGET', item, 'status')
if status == 'pending' then
  redis.call('LREM', list_of(item), 1, id)
elseif status == 'delayed' then
  redis.call('ZREM', DELAYED, id)
elseif status == 'running' then
  redis.call('HSET', item, 'cancel', 1)
  changed(id, 'cancelling')
  return 2
else
  return 0
end
finish(id, item, 'cancelled')
return 1

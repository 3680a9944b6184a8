-- Takes an item in; the same id again changes nothing, so a caller without an answer may repeat it.
-- ARGV  id, delay (ms), then names and values of its fields
-- Returns 1 when it was taken in, 0 when it was there; its run, its status, and since when it is queued.
local id, delay_ms = ARGV[FIRST], tonumber(ARGV[FIRST + 1])
local item = item_key(id)
local known = redis.call('HMGET', item, 'run_id', 'status', 'queued')
if known[2] then return { 0, known[1], known[2], known[3] } end

redis.call('HSET', item, 'id', id, 'enqueued', now_us, 'queued', now_us, 'attempts', 0, 'token', 0,
  unpack(ARGV, FIRST + 2))
local status = delay_ms > 0 and 'delayed' or 'pending'
if delay_ms > 0 then
  delay(id, item, delay_ms)
else
  wait(id, item, false)
end
changed(id, status)
return { 1, redis.call('HGET', item, 'run_id'), status, now_us }

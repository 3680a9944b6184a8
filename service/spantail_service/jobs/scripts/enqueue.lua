-- Takes an item in; the same id again changes nothing, so a caller without an answer may repeat it.
-- ARGV  id, delay (ms), then names and values of its fields
-- Returns 1 when it was taken in, 0 when it was there, and the version of the queue.
local id, delay_ms = ARGV[FIRST], tonumber(ARGV[FIRST + 1])
local item = item_key(id)
if redis.call('EXISTS', item) == 1 then
  return { 0, tonumber(redis.call('GET', VERSION) or '0') }
end
redis.call('HSET', item, 'id', id, 'enqueued', now_us, 'attempts', 0, 'token', 0, unpack(ARGV, FIRST + 2))
if delay_ms > 0 then
  delay(id, item, delay_ms)
  return { 1, changed(id, 'delayed') }
end
wait(id, item, false)
return { 1, changed(id, 'pending') }

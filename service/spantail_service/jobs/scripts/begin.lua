-- Names the run in which an attempt takes place, by whoever holds its token.
-- ARGV  id, token, run id
-- Returns 1 done, 0 the token is not the present one.
local id, token, run_id = ARGV[FIRST], ARGV[FIRST + 1], ARGV[FIRST + 2]
local item = item_key(id)
local state = redis.call('HMGET', item, 'status', 'token')
if state[1] ~= 'running' or state[2] ~= token then return 0 end
redis.call('HSET', item, 'run_id', run_id)
return 1

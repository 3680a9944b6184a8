-- Takes back the items whose lease has run out: their runner is dead, or cannot reach Redis.
-- ARGV  how many at most
-- Returns of each: id, the run it was in, and what became of it (pending, failed, cancelled).
local taken = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', LEASE, '-inf', score(now_ms), 'LIMIT', 0, tonumber(ARGV[FIRST]))) do
  local item = item_key(id)
  local state = redis.call('HMGET', item, 'status', 'attempts', 'max_attempts', 'run_id', 'runs', 'cancel', 'runner')
  release(id)
  if state[1] == 'running' then -- else somebody has deleted it
    local run_id, runs = state[4] or '', state[5] or ''
    local became = 'pending'
    redis.call('HSET', item, 'error', 'runner ' .. (state[7] or '') .. ' stopped renewing its lease')
    redis.call('HINCRBY', item, 'token', 1) -- from here on its former holder is refused
    if state[6] then
      became = 'cancelled'
      finish(id, item, became)
    elseif tonumber(state[2]) >= tonumber(state[3]) then
      became = 'failed'
      finish(id, item, became)
    else
      redis.call('HSET', item, 'run_id', '', 'runs', runs == '' and run_id or (runs .. ' ' .. run_id))
      wait(id, item, true)
      changed(id, became)
    end
    taken[#taken + 1] = { id, run_id, became }
  end
end
return taken

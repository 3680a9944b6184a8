-- Takes back the items whose lease has run out: their runner is dead, or cannot reach Redis.
-- ARGV  how many at most
-- Returns of each: id, the run it was in, what became of it (pending, failed, cancelled), and the run of its next attempt.
local taken = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', LEASE, '-inf', score(now_ms), 'LIMIT', 0, tonumber(ARGV[FIRST]))) do
  local item = item_key(id)
  local state = redis.call('HMGET', item, 'status', 'attempts', 'max_attempts', 'run_id', 'cancel', 'runner')
  release(id)
  if state[1] == 'running' then -- else somebody has deleted it
    local became, run_id = 'pending', ''
    redis.call('HSET', item, 'error', 'runner ' .. (state[6] or '') .. ' stopped renewing its lease')
    redis.call('HINCRBY', item, 'token', 1) -- from here on its former holder is refused
    if state[5] then
      became = 'cancelled'
    elseif tonumber(state[2]) >= tonumber(state[3]) then
      became = 'failed'
    end
    if became == 'pending' then
      run_id = next_run(id, item)
      wait(id, item, true)
      changed(id, became)
    else
      finish(id, item, became)
    end
    taken[#taken + 1] = { id, state[4] or '', became, run_id }
  end
end
return taken

-- Takes back items whose lease has run out: their runner is dead, or cannot reach Redis.
-- ARGV  id and token of each item
-- Returns of each that was taken: id, the run it was in, what became of it (pending, failed, cancelled), and the run of
-- its next attempt.
local taken = {}
for at = FIRST, #ARGV, 2 do
  local id = ARGV[at]
  local item = item_key(id)
  local state = redis.call('HMGET', item, 'status', 'attempts', 'max_attempts', 'run_id', 'cancel', 'runner', 'token')
  local ends = redis.call('ZSCORE', LEASE, id)
  local is_due = ends and tonumber(ends) <= now_ms
  if is_due and not state[1] then release(id) end -- somebody has deleted it
  if is_due and state[1] == 'running' and state[7] == ARGV[at + 1] then
    local became, run_id = 'pending', ''
    release(id)
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

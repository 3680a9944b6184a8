-- The one script that changes the index over runs: by time, by status and by operation, what has changed, what is gone.
--
-- KEYS  runs:recent, then of its slot: facts, pinned, changes, unbooked, operations, expired. The parts by status and by
--       operation are named here, by what the facts say: all of one slot.
-- ARGV  1 what the parts' names begin with   2 channel   3 cap (runs)   4 what to do:
--       tell      then of each run: its id, start (us), status, operation ('' = unknown), its digest, epoch, next seq
--       expired   5 run id   6 the facts that the caller saw ('' = none): newer ones stay
--       deleted   5 run id
-- RETURNS  how many runs were changed: what is held of the others is newer

local recent, facts, pinned, changes, unbooked, operations, expired = unpack(KEYS)
local prefix, channel, cap, task = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local call, match = redis.call, string.match
local CHANGES_CAP, TRIM_STEP, OPERATIONS_CAP = 10000, 64, 1000

-- "epoch next start status digest"
local function parts(held)
  return match(held, '^(%d+) (%d+) (%d+) (%a+) (%x*)$')
end

local function leave(id, held)
  local _, _, _, status, digest = parts(held)
  call('ZREM', prefix .. 'status:' .. status, id)
  if digest ~= '' then call('ZREM', prefix .. 'operation:' .. digest, id) end
end

local function forget(id, held)
  if held then
    leave(id, held)
    call('HDEL', facts, id)
  end
  call('ZREM', recent, id)
  call('ZREM', unbooked, id)
end

local function announce(id)
  call('XADD', changes, 'MAXLEN', '~', CHANGES_CAP, '*', 'run', id)
  redis.pcall('PUBLISH', channel, id) -- without rights to the channel the index is kept all the same
end

local function tell(run_id, start, status, operation, digest, epoch, next_seq)
  local held = call('HGET', facts, run_id)
  if held then
    local old_epoch, old_next, _, old_status, old_digest = parts(held)
    local newer = tonumber(epoch) - tonumber(old_epoch)
    if newer == 0 then newer = tonumber(next_seq) - tonumber(old_next) end
    if newer < 0 then return 0 end
    if old_status ~= status or old_digest ~= digest then leave(run_id, held) end
  end
  call('HSET', facts, run_id, epoch .. ' ' .. next_seq .. ' ' .. start .. ' ' .. status .. ' ' .. digest)
  call('ZADD', recent, start, run_id)
  call('ZADD', prefix .. 'status:' .. status, start, run_id)
  if digest ~= '' then
    call('ZADD', prefix .. 'operation:' .. digest, start, run_id)
    call('ZADD', operations, 'GT', start, operation)
    call('ZREMRANGEBYRANK', operations, 0, -OPERATIONS_CAP - 1)
  end
  call('ZADD', unbooked, next_seq, run_id)
  call('ZREM', expired, run_id)
  announce(run_id)
  return 1
end

-- the oldest make room, but for those that are pinned; a few at a time, for this is another run's call
local function make_room(most)
  local over = math.min(call('ZCARD', recent) - cap, most)
  local from = 0
  while over > 0 do
    local oldest = call('ZRANGE', recent, from, from + TRIM_STEP - 1)
    if #oldest == 0 then break end
    for _, id in ipairs(oldest) do
      if over > 0 and call('SISMEMBER', pinned, id) == 0 then
        forget(id, call('HGET', facts, id))
        over = over - 1
      else
        from = from + 1
      end
    end
  end
end

if task == 'tell' then
  local done = 0
  for at = 5, #ARGV, 7 do
    done = done + tell(unpack(ARGV, at, at + 6))
  end
  if done > 0 then make_room(TRIM_STEP + done) end
  return done
end

local run_id = ARGV[5]
local held = call('HGET', facts, run_id)

if task == 'expired' then
  if (held or '') ~= ARGV[6] then return 0 end
  local start = call('ZSCORE', recent, run_id)
  forget(run_id, held)
  if start then
    call('ZADD', expired, start, run_id)
    call('ZREMRANGEBYRANK', expired, 0, -cap - 1)
  end
  return 1
end

forget(run_id, held)
call('SREM', pinned, run_id)
call('ZREM', expired, run_id)
announce(run_id)
return 1

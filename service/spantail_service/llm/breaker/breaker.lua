-- One step of the circuit breaker of one backend and model. Times are microseconds of Redis' clock.
-- KEYS  1 the hash of the circuit
-- ARGV  1 the step  2 this attempt's mark  3 the place where it runs  4 how long the hash is kept (ms), then the step's own
-- A circuit is `closed`, `open` until `until`, or `half_open` while the attempt `trial` finds out how it stands. It is
-- missing at a place until the time in `missing:{place}`.
local KEY, step, mark, missing, KEEP_MS = KEYS[1], ARGV[1], ARGV[2], 'missing:' .. ARGV[3], ARGV[4]
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000000 + tonumber(clock[2])

local held = redis.call('HMGET', KEY, 'state', 'failures', 'reason', 'until', 'trial', 'seen', missing)
local state, failures, reason, open_until = held[1], tonumber(held[2] or 0), held[3] or '', tonumber(held[4] or 0)
local is_trial = state == 'half_open' and held[5] == mark
local missing_until = tonumber(held[7] or 0)

local function whole(us)
  return string.format('%.0f', us)
end

local function write(...)
  redis.call('HSET', KEY, 'seen', whole(now), ...)
  redis.call('PEXPIRE', KEY, KEEP_MS)
  return 1
end

local function open(why, for_us)
  return write('state', 'open', 'reason', why, 'opened', whole(now), 'until', whole(now + for_us), 'trial', '')
end

-- ARGV  5 how long a trial may take (us). Returns `closed`, `trial`, `open` or `missing`, why, and until when
if step == 'admit' then
  if missing_until > now then return { 'missing', '', whole(missing_until) } end
  if not state or state == 'closed' then return { 'closed', '', '0' } end
  if open_until > now then return { 'open', reason, whole(open_until) } end
  write('state', 'half_open', 'trial', mark, 'until', whole(now + tonumber(ARGV[5])))
  return { 'trial', reason, '0' }
end

-- The others return whether the circuit has changed.
local was_missing = held[7] and redis.call('HDEL', KEY, missing) or 0

if step == 'succeeded' then
  local HOUR = 3600000000
  if state and state ~= 'closed' and not is_trial then return was_missing end
  if is_trial or failures > 0 or not state or now - tonumber(held[6] or 0) > HOUR then
    redis.call('HDEL', KEY, 'reason', 'opened', 'until', 'trial')
    return write('state', 'closed', 'failures', '0')
  end
  return was_missing
end

-- Nothing was found out: whoever comes next tries.
if step == 'released' then
  if is_trial then return write('until', whole(now), 'trial', '') end
  return was_missing
end

-- ARGV  5 for how long (us)
if step == 'missing' then
  if is_trial then write('until', whole(now), 'trial', '') end
  if not state then write('state', 'closed', 'failures', '0') end
  return write(missing, whole(now + tonumber(ARGV[5])))
end

-- ARGV  5 why  6 after how many failures in a row it opens  7 for how long (us)
if step == 'failed' then
  local most, for_us = tonumber(ARGV[6]), tonumber(ARGV[7])
  if is_trial then
    write('failures', whole(failures + 1))
    return open(ARGV[5], for_us)
  end
  if state == 'half_open' then return was_missing end
  if state == 'open' then -- begun before it opened; the provider may have told this one until when
    if most > 1 or now + for_us <= open_until then return was_missing end
    return write('reason', ARGV[5], 'until', whole(now + for_us))
  end
  write('state', 'closed', 'failures', whole(failures + 1), 'reason', ARGV[5])
  return failures + 1 >= most and open(ARGV[5], for_us) or 1
end

return redis.error_reply('unknown step')

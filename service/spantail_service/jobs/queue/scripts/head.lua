-- What every script of the job queue begins with. A script decides everything before it writes.
-- KEYS  1 pending:high  2 pending  3 pending:low  4 delayed  5 running  6 lease  7 failed  8 history  9 version
-- ARGV  1 what the key of an item begins with  2 the channel of all changes  3 the channel of items that may be claimed
--       4 how long a finished item is kept (ms), then the script's own
-- Times of an item are microseconds of Redis' clock; scores of `delayed`, `lease` and `failed` are milliseconds of it.
local DELAYED, RUNNING, LEASE, FAILED, HISTORY, VERSION = KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9]
local KEEP_MS = tonumber(ARGV[4])
local HISTORY_LENGTH = 100
local RUNS_LENGTH = 50 * 33 - 1 -- characters: fifty runs before the present one
local FIRST = 5 -- of the script's own arguments

local clock = redis.call('TIME')
local now_ms = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
local now_us = string.format('%d%06d', tonumber(clock[1]), tonumber(clock[2]))

local function item_key(id)
  return ARGV[1] .. '{' .. id .. '}'
end

-- Redis' integers are exact beyond 2^53, Lua's are not: a score stands as text.
local function score(ms)
  return string.format('%.0f', ms)
end

local function list_of(item)
  return KEYS[tonumber(redis.call('HGET', item, 'priority'))]
end

-- Viewers poll the version, or listen.
local function changed(id, status)
  local version = redis.call('INCR', VERSION)
  if version == 1 then -- nobody who remembers a version of a queue that was lost may take this one for it
    version = now_ms
    redis.call('SET', VERSION, score(version))
  end
  redis.call('PUBLISH', ARGV[2], version .. ' ' .. status .. ' ' .. id)
  return version
end

-- An item that is over: `status` is succeeded, failed or cancelled.
local function finish(id, item, status)
  redis.call('HSET', item, 'status', status, 'finished', now_us)
  redis.call('PEXPIRE', item, KEEP_MS)
  redis.call('LPUSH', HISTORY, id)
  redis.call('LTRIM', HISTORY, 0, HISTORY_LENGTH - 1)
  if status == 'failed' then redis.call('ZADD', FAILED, score(now_ms), id) end
  redis.call('ZREMRANGEBYSCORE', FAILED, '-inf', '(' .. score(now_ms - KEEP_MS))
  return changed(id, status)
end

-- Into the list of its priority: at the end, or in front of all, where it has waited before.
local function wait(id, item, in_front)
  redis.call('HSET', item, 'status', 'pending')
  redis.call(in_front and 'LPUSH' or 'RPUSH', list_of(item), id)
  redis.call('PUBLISH', ARGV[3], id)
end

local function delay(id, item, delay_ms)
  redis.call('HSET', item, 'status', 'delayed', 'available', score(now_ms + delay_ms) .. '000')
  redis.call('ZADD', DELAYED, score(now_ms + delay_ms), id)
end

local function release(id)
  redis.call('SREM', RUNNING, id)
  redis.call('ZREM', LEASE, id)
end

-- Every attempt is a run of its own. The id of the next one follows from the one before.
local function next_run(id, item)
  local before = redis.call('HMGET', item, 'run_id', 'runs')
  local run_id = before[1] or ''
  local next_id = string.sub(redis.sha1hex(id .. ':' .. run_id), 1, 32)
  local runs = (before[2] or '') == '' and run_id or (before[2] .. ' ' .. run_id)
  -- of an item that is queued again and again the latest
  if #runs > RUNS_LENGTH then runs = string.match(string.sub(runs, -RUNS_LENGTH - 1), ' (.*)') or run_id end
  redis.call('HSET', item, 'run_id', next_id, 'runs', runs, 'queued', now_us)
  return next_id
end

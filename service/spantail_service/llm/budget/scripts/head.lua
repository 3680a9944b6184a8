-- What every script of the budgets begins with. All amounts are nano-USD, times milliseconds of Redis' clock.
-- KEYS  1 the mark of a settled reservation ('' key of its own where there is none), then for each scope:
--       its HASH (limit, spent, reserved), its ZSET of reservations by the end of their lease, the index of its kind
-- ARGV  1 how many of the script's own follow, those, then for each scope: its name, the limit that holds where the HASH
--       has none (-1 none), 1 = that limit is the scope's own and is kept, its expiry (ms, 0 none), most in the index
-- A reservation is the member `id amount`.
local OWN = 1
local SCOPES = 2 + tonumber(ARGV[1]) -- where the scopes begin in ARGV
local COUNT = (#KEYS - 1) / 3

local clock = redis.call('TIME')
local now_ms = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)

-- Redis' integers are exact beyond 2^53, Lua's are not: a score stands as text.
local function whole(number)
  return string.format('%.0f', number)
end

-- What HINCRBY takes to subtract: `-0` is none of Redis' integers.
local function minus(amount)
  return amount == '0' and amount or '-' .. amount
end

local function scope(i)
  local key, arg = 2 + (i - 1) * 3, SCOPES + (i - 1) * 5
  return {
    hash = KEYS[key], held = KEYS[key + 1], index = KEYS[key + 2],
    name = ARGV[arg], default = tonumber(ARGV[arg + 1]), own = ARGV[arg + 2] == '1',
    expiry_ms = tonumber(ARGV[arg + 3]), most = tonumber(ARGV[arg + 4]),
  }
end

-- Reservations whose holder has died are free again.
local function free_expired(one)
  local gone = redis.call('ZRANGEBYSCORE', one.held, '-inf', whole(now_ms), 'LIMIT', 0, 1000)
  for _, member in ipairs(gone) do
    redis.call('ZREM', one.held, member)
    redis.call('HINCRBY', one.hash, 'reserved', minus(string.match(member, ' (%d+)$')))
  end
end

-- limit (-1 none), spent, reserved
local function state(one)
  local stored = redis.call('HMGET', one.hash, 'limit', 'spent', 'reserved')
  return tonumber(stored[1] or one.default), tonumber(stored[2] or 0), tonumber(stored[3] or 0)
end

local function touch(one)
  if one.own and one.default >= 0 then redis.call('HSETNX', one.hash, 'limit', whole(one.default)) end
  if one.expiry_ms > 0 then
    redis.call('PEXPIRE', one.hash, one.expiry_ms)
    redis.call('PEXPIRE', one.held, one.expiry_ms)
  end
  redis.call('ZADD', one.index, whole(now_ms), one.name)
  redis.call('ZREMRANGEBYRANK', one.index, 0, -one.most - 1)
end

local function answer(one)
  local limit, spent, reserved = state(one)
  -- the limit at which something was refused last: at another one it does not count
  local refused = limit >= 0 and redis.call('HGET', one.hash, 'refused') == whole(limit)
  return { whole(limit), whole(spent), whole(reserved), redis.call('ZCARD', one.held), refused and 1 or 0 }
end

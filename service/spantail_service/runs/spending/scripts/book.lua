-- KEYS  of each dimension three: what the run has added so far, the sums of its day, the sums of the day that it was
--       booked on ('' before)
-- ARGV  day (of a run on demo data with `demo:` before it), expiry of the first (s), of the second (s), 1 = it must
--       have been booked before, epoch and next seq of the run as these figures were read, how many names a day and
--       dimension may have, the name of those beyond them, that of what has none; then of each dimension the number
--       of names, and of each the name, the number of its figures, and figure, amount, ...
-- RETURNS  0 = not booked: older figures than those that are booked, or another booker came in between
local call = redis.call
local head = call('HMGET', KEYS[1], ':day', ':epoch', ':next')
local old_day = head[1]
if ARGV[4] == '1' and not old_day then return 0 end
local newer = tonumber(ARGV[5]) - tonumber(head[2] or 0)
if newer == 0 then newer = tonumber(ARGV[6]) - tonumber(head[3] or 0) end
if newer < 0 then return 0 end
if old_day and old_day ~= ARGV[1] and string.sub(KEYS[3], -#old_day - 5) ~= ':day:' .. old_day then return 0 end
local most_names, other = tonumber(ARGV[7]), ARGV[8]
local ALWAYS = { [''] = true, [other] = true, [ARGV[9]] = true }

local function take_back(held, sums)
  local before = call('HGETALL', held)
  if #before == 0 then return end
  for i = 1, #before, 2 do
    local field, amount = before[i], tonumber(before[i + 1])
    if field ~= ':day' and field ~= ':epoch' and field ~= ':next' and amount ~= 0 then
      call('HINCRBY', sums, field, string.format('%.0f', -amount))
    end
  end
  call('DEL', held)
end

-- a name that was counted keeps its place for the whole day, so what is added is taken back from there
local function place_of(sums, name)
  if ALWAYS[name] or call('HEXISTS', sums, name .. ':runs') == 1 then return name end
  if call('HINCRBY', sums, ':names', 1) <= most_names then return name end
  call('HINCRBY', sums, ':names', -1)
  return other
end

local at = 10
for first = 1, #KEYS, 3 do
  local held, sums = KEYS[first], KEYS[first + 1]
  take_back(held, old_day == ARGV[1] and sums or KEYS[first + 2])
  -- all that the run adds, in one go; a place that several names share is there once, and then grows
  local kept, known, further = {}, {}, {}
  if first == 1 then kept = { ':day', ARGV[1], ':epoch', ARGV[5], ':next', ARGV[6] } end
  local names = tonumber(ARGV[at])
  at = at + 1
  for _ = 1, names do
    local place, figures = place_of(sums, ARGV[at]), tonumber(ARGV[at + 1])
    at = at + 2
    for _ = 1, figures do
      local field, amount = place .. ':' .. ARGV[at], ARGV[at + 1]
      call('HINCRBY', sums, field, amount)
      local into = known[field] and further or kept
      into[#into + 1], into[#into + 2] = field, amount
      known[field] = true
      at = at + 2
    end
  end
  if #kept > 0 then call('HSET', held, unpack(kept)) end
  for i = 1, #further, 2 do call('HINCRBY', held, further[i], further[i + 1]) end
  call('EXPIRE', held, ARGV[2])
  call('EXPIRE', sums, ARGV[3])
end
return 1

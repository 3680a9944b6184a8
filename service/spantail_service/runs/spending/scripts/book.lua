-- Books several runs: takes back from the sums of their days what they had added so far, and adds what they come to now.
-- All of it is read before anything is written, so that a refused call changes nothing; then each sum is changed once,
-- by what comes of all runs.
--
-- KEYS  any key of the slot: all others are named here
-- ARGV  1 expiry of what a run has added (s)   2 expiry of a day's sums (s)   3 how many names a day and dimension may
--       have   4 the name of those beyond them   5 that of what has none   6 number of dimensions, and of each what its
--       keys begin with; then of each run
--         its id, the day on which it counts, 1 = it is on demo data, 0 = it is not, '' = as it was booked, 1 = it must
--         have been booked before, epoch and next seq of the run as these figures were read; and of each dimension the
--         number of names, and of each the name, the number of its figures, and figure, amount, ...
-- RETURNS  of each run 1, 0 = not booked: older figures than those that are booked, or another booker came in between;
--       or, as a text, why it cannot be booked

local call, pcall = redis.call, redis.pcall
local held_expiry, sums_expiry, most_names, other = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local ALWAYS = { [''] = true, [other] = true, [ARGV[5]] = true }
local DEMO = 'demo:'
local SAFE_DIGITS = 15 -- more are not calculated with here: Lua's numbers are doubles

local prefixes = {}
for i = 1, tonumber(ARGV[6]) do prefixes[i] = ARGV[6 + i] end
local at = 7 + #prefixes
local function take()
  at = at + 1
  return ARGV[at - 1]
end

local added, exact, places, names = {}, {}, {}, {} -- of each key of sums
local function of(tables, key)
  local known = tables[key]
  if not known then
    if tables == added then call('HLEN', key) end -- a wrong type refuses the call before the first write
    known = {}
    tables[key] = known
  end
  return known
end

local function add(sums, field, amount)
  if #tostring(amount) > SAFE_DIGITS then
    exact[#exact + 1] = { sums, field, amount }
  else
    local fields = of(added, sums)
    fields[field] = (fields[field] or 0) + amount
  end
end

local function negative(amount)
  return string.sub(amount, 1, 1) == '-' and string.sub(amount, 2) or '-' .. amount
end

-- a name that was counted keeps its place for the whole day, so what is added is taken back from there
local function place_of(sums, name)
  local known = of(places, sums)
  if known[name] then return known[name] end
  local place = name
  if not ALWAYS[name] and call('HEXISTS', sums, name .. ':runs') == 0 then
    local count = names[sums] or tonumber(call('HGET', sums, ':names') or '0')
    if count < most_names then
      count = count + 1
      add(sums, ':names', 1)
    else
      place = other
    end
    names[sums] = count
  end
  known[name] = place
  return place
end

-- What is held of a run stands in one hash: the day it was booked on (`:day`), its `:epoch` and `:next`, and what it added,
-- by the number of the dimension, name and figure.
local function read(run_id, was_booked)
  local held = { key = prefixes[1] .. 'booked:' .. run_id, stale = {}, parts = {}, kept = {}, further = {} }
  local head = {}
  for i in ipairs(prefixes) do held.parts[i] = {} end
  local function take_over(key, part)
    local flat = pcall('HGETALL', key)
    if flat.err then return flat.err end
    if #flat > 0 then held.stale[#held.stale + 1] = key end
    for i = 1, #flat, 2 do
      local field, amount = flat[i], flat[i + 1]
      if field == ':day' or field == ':epoch' or field == ':next' then
        head[field] = amount
      else
        local into = held.parts[part or tonumber(string.sub(field, 1, 1))]
        into[#into + 1], into[#into + 2] = part and field or string.sub(field, 2), amount
      end
    end
  end
  local trouble = take_over(held.key)
  if was_booked and #held.stale == 0 then -- an earlier version had a hash for each dimension
    for i, prefix in ipairs(prefixes) do trouble = trouble or take_over(prefix .. 'run:' .. run_id, i) end
  end
  if trouble then return nil, trouble end
  return held, head
end

local function take_back(part, sums)
  for i = 1, #part, 2 do
    if part[i + 1] ~= '0' then add(sums, part[i], negative(part[i + 1])) end
  end
end

-- all that a run adds, in one go; a place that several names share is there once, and then grows
local function keep(held, known, field, amount)
  local into = known[field] and held.further or held.kept
  into[#into + 1], into[#into + 2] = field, amount
  known[field] = true
end

local writes, outcome = {}, {}
while at <= #ARGV do
  local run_id, day, is_demo, must_be_booked, epoch, next_seq = take(), take(), take(), take(), take(), take()
  local held, head = read(run_id, must_be_booked == '1')
  local result = held and 1 or head
  if held then
    local old_day = head[':day']
    local newer = tonumber(epoch) - tonumber(head[':epoch'] or 0)
    if newer == 0 then newer = tonumber(next_seq) - tonumber(head[':next'] or 0) end
    if newer < 0 or (must_be_booked == '1' and not old_day) then result = 0 end
    local was_demo = old_day and string.sub(old_day, 1, #DEMO) == DEMO
    if is_demo == '1' or (is_demo == '' and was_demo) then day = DEMO .. day end
    head.old_day = old_day
  end
  local is_booked = result == 1
  if is_booked then held.kept = { ':day', day, ':epoch', epoch, ':next', next_seq } end
  for i, prefix in ipairs(prefixes) do
    local sums, known = prefix .. 'day:' .. day, {}
    if is_booked then
      if head.old_day then take_back(held.parts[i], prefix .. 'day:' .. head.old_day) end
      of(added, sums) -- it is there from now on, if only for its expiry
    end
    for _ = 1, tonumber(take()) do
      local name, figures = take(), tonumber(take())
      local place = is_booked and place_of(sums, name)
      for _ = 1, figures do
        local figure, amount = take(), take()
        if is_booked then
          add(sums, place .. ':' .. figure, amount)
          keep(held, known, i .. place .. ':' .. figure, amount)
        end
      end
    end
  end
  if is_booked then writes[#writes + 1] = held end
  outcome[#outcome + 1] = result
end

for sums, fields in pairs(added) do
  for field, amount in pairs(fields) do -- also 0, which says that it was counted
    call('HINCRBY', sums, field, string.format('%.0f', amount))
  end
end
for _, one in ipairs(exact) do call('HINCRBY', unpack(one)) end
for sums in pairs(added) do call('EXPIRE', sums, sums_expiry) end
for _, held in ipairs(writes) do
  if #held.stale > 0 then call('DEL', unpack(held.stale)) end
  call('HSET', held.key, unpack(held.kept))
  for i = 1, #held.further, 2 do call('HINCRBY', held.key, held.further[i], held.further[i + 1]) end
  call('EXPIRE', held.key, held_expiry)
end
return outcome

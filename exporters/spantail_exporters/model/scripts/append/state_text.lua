-- What is read of a state, as text. It begins with
--   {"rev":3,"status":"running","start":1795308986084596,"noted":0,"ts":...,"event":...,"run_id":...,"span_id":...,
--   "parent_id":...,"name":...,"kind":...

-- rev, status, start and noted, as text: most of the numbers are never calculated with
local function head_of(json)
  return match(json, '^{"rev":(%d+),"status":"(%a+)","start":(%d+),"noted":(%d+)')
end

local function start_of(json)
  local _, at = find(json, ',"start":', 1, true)
  return at and tonumber(match(json, '^%d+', at + 1))
end

local function noted_of(json) return (select(4, head_of(json))) end

local function parent_of(json)
  local _, at = find(json, '"parent_id":', 1, true)
  return at and match(json, '^"(%x+)"', at + 1)
end

-- a quote within a JSON string is escaped, so the first bare one before the kind ends the name
local function name_of(json)
  local _, at = find(json, '"parent_id":', 1, true)
  if at then _, at = find(json, '^[^,]+,"name":"', at + 1) end
  local to = at and find(json, '","kind":"', at + 1, true)
  return to and sub(json, at + 1, to - 1)
end

local function end_of(json)
  local _, at = find(json, '"end":', 1, true)
  return at and match(json, '^%d+', at + 1)
end

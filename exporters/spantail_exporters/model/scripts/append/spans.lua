-- Where each change begins, and the spans that they are about: those that are stored are read in one call, for each
-- call costs as much as its work. `written` are the states that will be stored, `order` their ids.

local LOG, WITH_ACCOUNT, WITH_ALL = nil, byte('$'), byte('*') -- how the first value of a change begins
local begins, ids, asked = {}, {}, {}
local position = lines_at + 1
while position <= #ARGV do
  local head = ARGV[position]
  local mark = byte(head)
  begins[#begins + 1] = position
  if mark == LOG then
    ids[#ids + 1] = false
    position = position + 2
  elseif mark == WITH_ALL then
    ids[#ids + 1] = sub(head, 2, 17)
    position = position + 6
  elseif mark == WITH_ACCOUNT then
    ids[#ids + 1] = sub(head, 2, 17)
    position = position + 3
  else
    ids[#ids + 1] = sub(head, 1, 16)
    position = position + 2
  end
  asked[#asked + 1] = ids[#ids] or nil
end

local written, order, held = {}, {}, {}
local has_stored = count > 0 -- before this call
if has_stored then
  for first = 1, #asked, MOST_VALUES do
    local last = math.min(first + MOST_VALUES - 1, #asked)
    for i, state in ipairs(call('HMGET', spans, unpack(asked, first, last))) do held[asked[first + i - 1]] = state end
  end
end

-- the state of a span as it will be; false where there is none
local function stored(span_id)
  local state = written[span_id] or held[span_id]
  if state == nil then
    state = has_stored and call('HGET', spans, span_id)
    held[span_id] = state
  end
  return state
end

-- many fields a call: the call itself is the larger part of its cost
local function write_fields(key, names, values)
  for first = 1, #names, MOST_VALUES do
    local fields, n = {}, 0
    for i = first, math.min(first + MOST_VALUES - 1, #names) do
      fields[n + 1], fields[n + 2] = names[i], values[names[i]]
      n = n + 2
    end
    call('HSET', key, unpack(fields, 1, n))
  end
end

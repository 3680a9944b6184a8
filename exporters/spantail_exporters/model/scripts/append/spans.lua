-- Where each change begins, and the spans that they are about: those that are stored are read in one call, for each
-- call costs as much as its work. `written` are the states that will be stored, `order` their ids.

local LOG, WITH_ACCOUNT, WITH_ALL = nil, byte('$'), byte('*') -- how the first value of a change begins
local has_stored = count > 0 -- before this call
local begins, ids, asked = {}, {}, {}
local asked_count, position, last_position = 0, lines_at + 1, #ARGV
local change_count = 0
while position <= last_position do
  local head = ARGV[position]
  local mark = byte(head)
  change_count = change_count + 1
  begins[change_count] = position
  local span_id = false
  if mark == LOG then
    position = position + 2
  elseif mark == WITH_ALL then
    span_id = sub(head, 2, 17)
    position = position + 6
  elseif mark == WITH_ACCOUNT then
    span_id = sub(head, 2, 17)
    position = position + 3
  else
    span_id = sub(head, 1, 16)
    position = position + 2
  end
  ids[change_count] = span_id
  if span_id and has_stored then
    asked_count = asked_count + 1
    asked[asked_count] = span_id
  end
end

local written, order, held = {}, {}, {}
if has_stored then
  for first = 1, asked_count, MOST_VALUES do
    local last = math.min(first + MOST_VALUES - 1, asked_count)
    for i, state in ipairs(call('HMGET', spans, unpack(asked, first, last))) do held[asked[first + i - 1]] = state end
  end
end

-- the state of a span as it will be; false where there is none
local function stored(span_id)
  local state = written[span_id]
  if state or not has_stored then return state or false end
  state = held[span_id]
  if state == nil then
    state = call('HGET', spans, span_id)
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

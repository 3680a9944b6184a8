-- The layer strip. It is text that only our code writes (`model/rules/layers.py`): names hold no bare quote, objects no
-- inner brace.
-- Held to `tests/golden/rules/layers.json`.

local layers_changed = false
local MOST_BYTES = 65536
-- What will not begin any more is skipped; JSON's space before the brace tells it from a layer that skipped itself: it
-- is pending again when whoever announced it was thought dead and comes back.
local UNBEGUN = '"status":"skipped","done":null,"total":null }'

-- How many spans of a layer run is counted in `meta`: while one does, the end of another is no end of the layer.
local running_spans = {}
local function count_running(field, amount)
  local count = running_spans[field] or tonumber(call('HGET', meta, field) or '0')
  running_spans[field] = count + amount
  add(field, amount)
  return count + amount
end

-- of a layer that is in the strip, a newer entry takes its place; what is announced, or not begun, is no news of one
-- that has begun
local function set_layer(entry, was_running)
  local name_end = find(entry, '","status":"', 1, true)
  local begins = sub(entry, 1, name_end + 1)
  local is_pending = find(entry, '"status":"pending"', name_end, true)
  local is_unbegun = find(entry, '"status":"unbegun"', name_end, true)
  if is_unbegun then entry = begins .. UNBEGUN end
  local from = find(layers, begins, 1, true)
  if not from and #layers > MOST_BYTES then return end -- it is read with every poll
  if not is_pending and not is_unbegun then
    local is_running = find(entry, '"status":"running"', name_end, true) ~= nil
    local amount = (is_running and 1 or 0) - (was_running and 1 or 0)
    if not is_running or amount > 0 then
      local count = count_running('layer:' .. sub(entry, 10, name_end - 1), amount)
      if not is_running and count > 0 then return end
    end
  end
  if not from then
    layers = sub(layers, 1, -2) .. (layers == '[]' and '' or ',') .. entry .. ']'
    layers_changed = true
    return
  end
  local status = find(layers, '"status":', from + name_end, true)
  local to = find(layers, '}', status, true)
  if is_pending and sub(layers, to - 1, to - 1) ~= ' ' then return end
  if is_unbegun and find(layers, '"status":"pending"', status, true) ~= status then return end
  layers = sub(layers, 1, from - 1) .. entry .. sub(layers, to + 1)
  layers_changed = true
end

-- The layer strip. It is text that only our code writes (`model/rules/layers.py`): names hold no bare quote, objects no
-- inner brace.
-- Held to `tests/golden/rules/layers.json`.

local layers_changed = false
local MOST_BYTES = 65536
-- What will not begin any more is skipped; JSON's space before the brace tells it from a layer that skipped itself: it
-- is pending again when whoever announced it was thought dead and comes back.
local UNBEGUN = '"status":"skipped","done":null,"total":null }'

-- of a layer that is in the strip, a newer entry takes its place; what is announced, or not begun, is no news of one
-- that has begun
local function set_layer(entry)
  local name_end = find(entry, '","status":"', 1, true)
  local begins = sub(entry, 1, name_end + 1)
  local is_pending = find(entry, '"status":"pending"', name_end, true)
  local is_unbegun = find(entry, '"status":"unbegun"', name_end, true)
  if is_unbegun then entry = begins .. UNBEGUN end
  local from = find(layers, begins, 1, true)
  if not from then
    if #layers > MOST_BYTES then return end -- it is read with every poll
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

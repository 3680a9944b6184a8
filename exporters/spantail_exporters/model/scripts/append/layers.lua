-- The layer strip. It is text that only our code writes (`model/rules/layers.py`): names hold no bare quote, objects no
-- inner brace.
-- Held to `tests/golden/rules/layers.json`.

local layers_changed = false

-- of a layer that is in the strip, a newer entry takes its place; announcing it again changes nothing
local function set_layer(entry)
  local name_end = find(entry, '","status":"', 1, true)
  local from = find(layers, sub(entry, 1, name_end + 1), 1, true)
  layers_changed = true
  if not from then
    layers = sub(layers, 1, -2) .. (layers == '[]' and '' or ',') .. entry .. ']'
  elseif not find(entry, '"status":"pending"', 1, true) then
    local to = find(layers, '"status":', from + name_end, true)
    to = find(layers, '}', to, true)
    layers = sub(layers, 1, from - 1) .. entry .. sub(layers, to + 1)
  end
end

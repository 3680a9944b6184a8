-- What nothing was read from yet is looked at before the first write: a wrong type refuses the call before it changes
-- anything. Where `meta` is gone (evicted) and others stayed, those are in the way of a new beginning: they go first.

-- a new run, as in most calls of short ones: there is nothing to look at
local is_new = not seen[1] and call('EXISTS', meta, buffer, spans, layers_key, wraps, sources) == 0
local layers = not is_new and call('GET', layers_key) or '[]'
local left_over = false
if count == 0 and not is_new then
  left_over = call('HLEN', spans) > 0
  if not seen[1] then
    left_over = call('XLEN', buffer) + call('HLEN', wraps) + call('HLEN', sources) > 0 or layers ~= '[]' or left_over
    layers = '[]'
  end
end

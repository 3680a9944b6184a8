-- The span that names the run: its earliest parentless one, before one is known its earliest orphan.

local root, root_start, root_orphan = seen[3], tonumber(seen[4] or '0'), seen[5] == '1'
local root_status, root_end, root_moved = seen[6], seen[12], false
local MOST_LEVELS = 1000 -- that are climbed, for parents may form a circle
local MOST_ORPHANS, MOST_ORPHAN_BYTES = 1000, 1048576 -- among which the earliest orphan is looked for again: below 5 ms
local is_later = false -- the ancestor of an orphan began after it: there may be another one in between

local known_root, above_known -- the last state of the root that was looked at, and the parent that it names
local function above_root()
  local state = stored(root) or ''
  if state ~= known_root then known_root, above_known = state, parent_of(state) end
  return above_known
end

-- of two that begin at once it is the one with the lower id, whichever came first
local function is_before_root(start, span_id)
  return start < root_start or (start == root_start and span_id < root)
end

-- looks at a span that is new
local function consider_root(span_id, parent_id, start)
  local orphan = parent_id ~= ''
  if root and not root_orphan and orphan then return end
  start = tonumber(start)
  if root and not root_orphan and not is_before_root(start, span_id) then return end
  if orphan and root then
    local parent_known = stored(parent_id)
    if parent_known and span_id ~= root then
      if above_root() ~= span_id then return end
      for _ = 1, MOST_LEVELS do
        local above = parent_of(stored(span_id))
        if not above or above == root or not stored(above) then break end
        span_id = above
      end
      start, orphan = start_of(stored(span_id)), parent_of(stored(span_id)) ~= nil
    elseif not is_before_root(start, span_id) and above_root() ~= span_id then
      return
    end
  end
  is_later = is_later or (root and start > root_start)
  root, root_start, root_orphan, root_moved = span_id, start, orphan, true
end

-- Clocks differ: where an orphan's ancestor began after it, which orphan is the earliest stands in no one's memory.
local function find_earliest_orphan()
  local states, all, bytes = {}, {}, 0
  if has_stored then
    for _, span_id in ipairs(call('HKEYS', spans)) do
      bytes = bytes + call('HSTRLEN', spans, span_id)
      if bytes > MOST_ORPHAN_BYTES then return end
    end
    all = call('HGETALL', spans)
  end
  for i = 1, #all, 2 do states[all[i]] = all[i + 1] end
  for span_id, state in pairs(written) do states[span_id] = state end
  local earliest
  for span_id, state in pairs(states) do
    local start = states[parent_of(state)] == nil and start_of(state)
    if start and (not earliest or start < earliest or (start == earliest and span_id < root)) then
      root, earliest = span_id, start
    end
  end
  if earliest then root_start, root_moved = earliest, true end
end

-- The run's own status, what it is called, and whether anything more is expected.

local RUN_STATUS = { running = 'running', ok = 'completed', skipped = 'completed', error = 'failed',
  cancelled = 'cancelled', abandoned = 'abandoned' }
local FINAL = { completed = true, failed = true, cancelled = true, abandoned = true }

if is_later and root_orphan and count <= MOST_ORPHANS then find_earliest_orphan() end
local root_changed = root and (root_moved or written[root])
if root_changed then
  local json = stored(root)
  root_status = select(2, beginning_of(json))
  root_end = end_of(json) or ''
end

local run_state, state_operation = seen[10], seen[18]
if state_json ~= '' then
  run_state = state_status
  state_operation = match(state_json, '"operation":"([^"\\]*)"') or state_operation
end

-- an operation is called as the service that started it says, else as the root of the run
local operation = last_operation
if state_operation then
  operation = state_operation
elseif root_changed or (root and not operation) then
  operation = name_of(stored(root)) or operation
end

-- A run without a root (orphans alone, or parents in a circle) goes on until it has been silent for a minute. That no
-- event can tell: a reaper says so. It ends as the span that names it did.
local kept_open = open > 0 or (run_state and not FINAL[run_state])
local silent = says_silent and not kept_open
local rooted = root_status and not root_orphan

-- the status is the run's own word where the service keeps one, else its root's
local status = (rooted or silent) and RUN_STATUS[root_status or 'abandoned'] or run_state or 'running'
local says_more = run_state == 'queued' or FINAL[run_state] or (root_status and root_status ~= 'running')
if run_state and says_more then status = run_state end
local settled = not kept_open and ((rooted and root_status ~= 'running') or silent) or false

set_meta('status', status)
if run_state then set_meta('state', run_state) end
if operation and operation ~= last_operation then set_meta('operation', operation) end
if state_operation and state_operation ~= seen[18] then set_meta('state_operation', state_operation) end
if root then
  set_meta('root', root)
  set_meta('root_start', string.format('%.0f', root_start))
  set_meta('root_orphan', root_orphan and 1 or 0)
  set_meta('root_status', root_status)
  set_meta('end', root_end)
end

-- What is known of the run, and the calls that are answered without changing anything.

local seen = call('HMGET', meta, 'next', 'epoch', 'root', 'root_start', 'root_orphan', 'root_status', 'open',
  'spans', 'errors', 'state', 'first', 'end', 'w:' .. writer, 'expected', 'lost:' .. known_epoch,
  'status', 'operation', 'state_operation', 'pinned', 'ahead', 'last', 'corrected')
local next_seq, epoch = tonumber(seen[1] or '0'), seen[2] or now
local open, count, errors = tonumber(seen[7] or '0'), tonumber(seen[8] or '0'), tonumber(seen[9] or '0')
local was_open = open > 0
local first_seq = tonumber(seen[11] or '0') -- of the tail
local last_of_writer = tonumber(seen[13] or '0')
local counted_as_lost = tonumber(seen[15] or '0') -- up to where a loss of the epoch that the writer knows is counted
local was_settled, last_status, last_operation, is_pinned = seen[14] ~= false, seen[16], seen[17], seen[19]
local last_change = seen[21]

local function unchanged(tell_index)
  return { next_seq, 1, epoch, seen[4] or now, was_settled and 1 or 0, tell_index, last_status or 'running',
    last_operation or '', 0 }
end

if writer ~= '' and tonumber(writer_seq) <= last_of_writer then
  return unchanged(1) -- whoever sends again got no answer, and so may not have told the index
end

local says_silent = state_json == '' and state_status ~= ''
if says_silent and state_status ~= last_change then return unchanged(0) end -- somebody has written since, or it is gone

if last_of_writer < -known_writer_seq then
  -- the one before was refused: were this one taken, its number would say of both that they had been applied
  return redis.error_reply('BEHIND spantail: the batch before this one is missing')
end

local meta_fields = {} -- of `meta`, each with its new value: they are written in one call
local function set_meta(field, value)
  local n = #meta_fields
  meta_fields[n + 1], meta_fields[n + 2] = field, value
end

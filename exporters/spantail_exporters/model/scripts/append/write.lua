-- All is decided: from here on nothing is refused.

local next_before = next_seq
if left_over then call('DEL', buffer, spans, layers_key, wraps, sources) end
write_tail()
write_fields(spans, order, written)
write_fields(wraps, fresh, is_fresh)
write_sources()
write_totals()
if layers_changed then call('SET', layers_key, layers) end
if state_json ~= '' then call('SET', state_key, state_json) end

-- what changes nothing (the same once more) breaks no silence
local has_changed = next_seq > next_before or next(totals) ~= nil or state_json ~= ''
set_meta('last', has_changed and now or last_change or now)
if writer ~= '' then set_meta('w:' .. writer, writer_seq) end
if settled then set_meta('expected', next_seq) elseif was_settled then call('HDEL', meta, 'expected') end
call('HSET', meta, 'next', next_seq, 'epoch', epoch, 'open', open, 'spans', count, 'errors', errors,
  unpack(meta_fields))

if is_pinned then -- a key that was just made has no expiry, the others lost theirs with the pin
  call('PERSIST', state_key)
else
  local expiry = settled and settled_expiry or open_expiry
  call('EXPIRE', buffer, expiry)
  call('EXPIRE', spans, expiry)
  call('EXPIRE', meta, expiry)
  if layers ~= '[]' then call('EXPIRE', layers_key, expiry) end
  if ahead then call('EXPIRE', wraps, expiry) end
  call('EXPIRE', sources, expiry)
  if run_state then call('EXPIRE', state_key, open_expiry) end
end
redis.pcall('PUBLISH', channel, next_seq) -- all is stored: a user without rights to the channel must not hear otherwise

local tell_index = root_moved or not seen[1] or was_settled ~= settled
  or (open > 0 and not was_open) -- a reaper may have taken a silent run out of the index
  or status ~= last_status or operation ~= last_operation
  or (was_settled and next(totals) ~= nil) -- nobody looks at its money again unless told to
return { next_seq, 0, epoch, root and string.format('%.0f', root_start) or now, settled and 1 or 0, tell_index and 1 or 0,
  status, operation or '', next_seq - next_before }

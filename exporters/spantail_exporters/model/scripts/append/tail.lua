-- The lines that go to the tail: all of them, but for those that lose, which is rare. `next_seq` counts on by `added`.

local added, kept_from, pieces = 0, 1, {}

-- leaves out what stands between two places of `lines`
local function leave_out(from, to)
  if kept_from < from then pieces[#pieces + 1] = sub(lines, kept_from, from - 2) end
  kept_from = to + 2
end

local function write_entry(text, events)
  next_seq = next_seq + events
  call('XADD', buffer, '0-' .. next_seq, 'n', events, 'b', text)
end

-- drops what is older than the cap; what is left begins with a whole entry
local function trim_tail()
  local from = next_seq - tail_cap
  if from <= first_seq then return end
  call('XTRIM', buffer, 'MINID', '0-' .. (from + 1))
  local oldest = call('XRANGE', buffer, '-', '+', 'COUNT', 1)[1]
  local last = tonumber(match(oldest[1], '%-(%d+)$'))
  set_meta('first', last - tonumber(oldest[2][2]))
end

local function write_tail()
  if added == 0 then return end
  if kept_from > 1 then
    if kept_from <= #lines then pieces[#pieces + 1] = sub(lines, kept_from) end
    write_entry(table.concat(pieces, '\n'), added)
  elseif cut_at and cut_at > 1 then
    write_entry(sub(lines, 1, cut_at - 2), added_before_cut)
    write_entry(sub(lines, cut_at), added - added_before_cut)
  else
    write_entry(lines, added)
  end
  trim_tail()
end

-- Each change in its order: what loses is left out of the tail, what wins becomes the state of its span.

local has_corrected = seen[22] ~= false -- a span of the run, so that no other run's states are looked at for it
local accounts = {}
local parents, replaced = {}, {} -- of the spans with an account: their parents, and the final state that was there before

local function count_states(status, rank, old_status, old_rank)
  if not old_status then count = count + 1 end
  if rank == RUNNING then open = open + 1 end
  if old_rank == RUNNING then open = open - 1 end
  if status == 'error' then errors = errors + 1 end
  if old_status == 'error' then errors = errors - 1 end
  if rank == ABANDONED then add('abandoned', 1) end
  if old_rank == ABANDONED then
    if rank ~= ABANDONED then
      add('corrected', 1)
      has_corrected = true
    end
    add('abandoned', -1)
  end
end

-- Takes the lines of a change that brings span events, or of a state beside its last line. `ends` is where they end,
-- the first `span_events` of them are span events; another writer may have sent the first ones of these.
local function take_lines(begin, last, after, ends, span_events, already_noted, follows, full)
  local known = math.min(math.max(0, already_noted), span_events)
  if known > 0 then leave_out(begin, ends[known]) end
  added = added + #ends - known
  if follows then return end
  -- A change that builds on one that is not here (an emptied Redis, another way that was faster) goes out whole, else
  -- the tail would not lead to the snapshot; span events alone carry no state.
  if span_events < #ends then
    leave_out(last, after - 2)
  else
    leave_out(after, after - 2) -- nothing, but here ends a piece
    added = added + 1
  end
  pieces[#pieces + 1] = full
end

-- A span that was thought abandoned and was heard of again is marked so in each whole state from then on; its updates need
-- not say so, for what is absent there is unchanged.
local CORRECTED = ',"corrected":true}'
local function is_corrected(rank, old, old_rank)
  if old_rank == ABANDONED then return rank ~= ABANDONED end
  return old and sub(old, -#CORRECTED) == CORRECTED
end

local order_count = 0
local at = 1 -- where the next line begins
for i, first in ipairs(begins) do
  local span_id, head = ids[i], ARGV[first]
  if at <= first_size then cut_at, added_before_cut = at, added end
  if not span_id then
    at = at + ARGV[first + 1] + 1
    added = added + 1
  else
    local mark = byte(head)
    local parent_id, account, layer, span_events, full, ends = '', '', '', 0, nil, nil
    local begin, last = at, at -- where its first line begins, and its last one
    if mark == WITH_ALL then
      parent_id, span_events = sub(head, 18), tonumber(ARGV[first + 2])
      account, layer = ARGV[first + 3], ARGV[first + 4]
      ends = {}
      for length in string.gmatch(ARGV[first + 1], '%d+') do
        last = at
        at = at + length + 1
        ends[#ends + 1] = at - 2
      end
      full = ARGV[first + 5] ~= '' and ARGV[first + 5] or sub(lines, last, at - 2)
    else
      at = at + ARGV[first + 1] + 1
      full = sub(lines, begin, at - 2)
      if mark == WITH_ACCOUNT then
        parent_id, account = sub(head, 18), ARGV[first + 2]
      else
        parent_id = sub(head, 17)
      end
    end
    local rev, status, rank, start = beginning_of(full)
    if not rank then
      return redis.error_reply('spantail: a state without its head') -- before the first write
    end
    local old, old_rev, old_status, old_rank = stored(span_id), nil, nil, nil
    if old then old_rev, old_status, old_rank = beginning_of(old) end
    if not old and count >= span_cap and parent_id ~= '' then
      add('drop:run_cap', 1)
      leave_out(begin, at - 2)
    elseif old and not wins(rank, rev, full, old_rank, old_rev) then
      leave_out(begin, at - 2)
    else
      if not written[span_id] then
        order_count = order_count + 1
        order[order_count] = span_id
      end
      local mark_corrected = (has_corrected or old_rank == ABANDONED) and is_corrected(rank, old, old_rank)
        and sub(full, -#CORRECTED) ~= CORRECTED
      if mark_corrected then full = sub(full, 1, -2) .. CORRECTED end
      written[span_id] = full
      if ends then
        -- a state without lines sums up changes that the tail has told already
        local follows = rank ~= RUNNING or (old and (#ends == 0 or rev <= old_rev + 1))
        local already_noted = old and span_events - (noted_of(full) - noted_of(old)) or 0
        take_lines(begin, last, at, ends, span_events, already_noted, follows, full)
        if mark_corrected and follows and ARGV[first + 5] == '' and span_events < #ends then
          leave_out(last, at - 2)
          pieces[#pieces + 1] = full
        end
      else
        added = added + 1
        if mark_corrected then
          leave_out(begin, at - 2)
          pieces[#pieces + 1] = full
        end
      end
      count_states(status, rank, old_status, old_rank)
      if account ~= '' or old_rank == ENDED then -- a final state without one takes back that of the one before
        if not accounts[span_id] then
          parents[span_id] = parent_id
          if old_rank == ENDED then replaced[span_id] = old end
        end
        accounts[span_id] = account
      end
      if layer ~= '' then
        for entry in string.gmatch(layer, '[^\n]+') do set_layer(entry, old_rank == RUNNING) end
      end
      if not old then consider_root(span_id, parent_id, start) end
    end
  end
end

-- The one script that changes a run: its tail, snapshot, totals, layers and state, in one atomic step.
--
-- Two phases: everything is read and decided first, then written, so that a refused call leaves no trace.
-- Events are opaque bytes: Lua's JSON would mangle 16-digit integers and empty arrays. Only their fixed head is read:
--   {"rev":3,"status":"running","start":1795308986084596,"noted":0,"ts":...,"event":...,"run_id":...,"span_id":...,"parent_id":...
--
-- KEYS  buffer, spans, meta, layers, wraps, sources, state
-- ARGV  1 channel            2 writer id ('' = none)     3 writer sequence   4 now (us)
--       5 epoch this writer knows ('' = none)            6 next seq it knows       7 its last sequence that was confirmed,
--         or, negative, that of its call just before in the same trip: without that one, this one is not taken
--       8 tail cap (events)  9 snapshot cap (spans)      10 expiry while open (s)  11 expiry once settled (s)
--       12 run state JSON ('' = unchanged)               13 its status; without a state, the `last` of the run after which a
--         reaper heard nothing for a minute ('' = none says so)
--       14 number of drop counts d, then d times: reason, count
--       number of resources and scopes n that the changes name, then n times: field of `sources`, its JSON
--       then the events of all changes, joined by newlines, and per change, by how its first value begins:
--         ''                             a log line: its length
--         span id, parent id             joined, no parent id where there is none: the length of its event, which is
--                                        the whole state
--         '$', span id, parent id        the length of its event, account
--         '*', span id, parent id        the lengths of its events, how many of them are span events,
--                                        account ('' = none), layers ('' = none), state ('' = the last event)
--       (Lua hashes every byte of every string it makes, and `table.concat` makes many: the tail is handed in whole.)
-- RETURNS  next seq, 1 = a duplicate, epoch, start of the run, 1 = settled, 1 = the index over runs must be told,
--          status of the run, its operation as JSON writes it between the quotes ('' = unknown), how many sequence
--          numbers the call took (of a duplicate nobody knows any more: 0)

local buffer, spans, meta, layers_key, wraps, sources, state_key = unpack(KEYS)
local channel, writer, writer_seq, now = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local known_epoch, known_next, known_writer_seq = ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7])
local tail_cap, span_cap = tonumber(ARGV[8]), tonumber(ARGV[9])
local state_json, state_status = ARGV[12], ARGV[13]
local sources_at = 15 + 2 * tonumber(ARGV[14]) -- where they are counted
local lines_at = sources_at + 1 + 2 * tonumber(ARGV[sources_at])
local SOURCES_CAP = 200

local RANK = { running = 0, abandoned = 1, ok = 2, error = 2, skipped = 2, cancelled = 2 }
local RUN_STATUS = { running = 'running', ok = 'completed', skipped = 'completed', error = 'failed',
  cancelled = 'cancelled', abandoned = 'abandoned' }
local FINAL = { completed = true, failed = true, cancelled = true, abandoned = true }

local match, call, find, sub, byte = string.match, redis.call, string.find, string.sub, string.byte

-- rev and start as text, and noted too: most of them are never calculated with
local function head_of(json)
  return match(json, '^{"rev":(%d+),"status":"(%a+)","start":(%d+),"noted":(%d+)')
end

local function start_of(json) return tonumber((select(3, head_of(json)))) end

local function parent_of(json)
  local _, at = find(json, '"parent_id":', 1, true)
  return at and match(json, '^"(%x+)"', at + 1)
end

-- a quote within a JSON string is escaped, so the first bare one before the kind ends the name
local function name_of(json) return match(json, '"parent_id":[^,]+,"name":"(.-)","kind":"') end

-- ---------------------------------------------------------------- read and decide

local seen = call('HMGET', meta, 'next', 'epoch', 'root', 'root_start', 'root_orphan', 'root_status', 'open',
  'spans', 'errors', 'state', 'first', 'end', 'w:' .. writer, 'expected', 'lost:' .. known_epoch,
  'status', 'operation', 'state_operation', 'pinned', 'ahead', 'last')
local next_seq = tonumber(seen[1] or '0')
local epoch = seen[2] or now
local root, root_start, root_orphan = seen[3], tonumber(seen[4] or '0'), seen[5] == '1'
local root_status, root_end = seen[6], seen[12]
local open, count, errors = tonumber(seen[7] or '0'), tonumber(seen[8] or '0'), tonumber(seen[9] or '0')
local run_state = seen[10]

if writer ~= '' and seen[13] and tonumber(writer_seq) <= tonumber(seen[13]) then
  -- whoever sends again got no answer, and so may not have told the index
  return { next_seq, 1, epoch, seen[4] or now, seen[14] and 1 or 0, 1, seen[16] or 'running', seen[17] or '', 0 }
end

local says_silent = state_json == '' and state_status ~= ''
if says_silent and state_status ~= seen[21] then -- somebody has written since, or the run is gone
  return { next_seq, 1, epoch, seen[4] or now, seen[14] and 1 or 0, 0, seen[16] or 'running', seen[17] or '', 0 }
end

if tonumber(seen[13] or '0') < -known_writer_seq then
  -- the one before was refused: were this one taken, its number would say of both that they had been applied
  return redis.error_reply('BEHIND spantail: the batch before this one is missing')
end

local written, order, root_moved = {}, {}, false
local totals, accounts = {}, {}
local parents, replaced = {}, {} -- of the spans with an account: their parents, and the final state that was there before
local layers = call('GET', layers_key) or '[]'
local layers_changed = false

-- What nothing was read from yet is looked at before the first write: a wrong type refuses the call before it changes
-- anything. Where `meta` is gone (evicted) and others stayed, those are in the way of a new beginning: they go first.
local left_over = false
if count == 0 then
  left_over = call('HLEN', spans) > 0
  if not seen[1] then
    left_over = call('XLEN', buffer) + call('HLEN', wraps) + call('HLEN', sources) > 0 or layers ~= '[]' or left_over
    layers = '[]'
  end
end

-- Each call says what its spans come from, for Redis may have lost it; the keys are digests, so what is here is the same
local new_sources = {}
for i = sources_at + 1, lines_at - 1, 2 do
  if left_over or call('HEXISTS', sources, ARGV[i]) == 0 then new_sources[#new_sources + 1] = i end
end
local sources_room = #new_sources > 0 and SOURCES_CAP - (left_over and 0 or call('HLEN', sources)) or 0

local function add(field, amount)
  if amount ~= 0 then totals[field] = (totals[field] or 0) + amount end
end

-- Redis lost what this writer knows it had stored: emptied, or failed over to a replica that was behind. A new epoch
-- says so to readers; what is known to be missing is counted once, however many writers knew of how much, and also
-- when another writer came first: up to where an epoch's loss has been counted stands in `lost:{epoch}`.
local lost_next, counted_next
if known_epoch ~= '' then
  local counted = tonumber(seen[15] or '0')
  if known_epoch ~= epoch and tonumber(known_epoch) < tonumber(epoch) then
    if known_next > counted then
      add('drop:redis_lost', known_next - counted)
      lost_next = known_next
    end
  elseif known_epoch ~= epoch or next_seq < known_next or tonumber(seen[13] or '0') < known_writer_seq then
    -- what another writer has stored since may hide how much is gone, but not that it is
    add('drop:redis_lost', math.max(known_next - next_seq, 1))
    lost_next = math.max(known_next, next_seq)
    -- of what was stored under another epoch nothing is missing: its writers, who meet a later one, need not count
    if known_epoch ~= epoch and next_seq > 0 then counted_next = { 'lost:' .. epoch, next_seq } end
    -- later than any that somebody knows, whatever the clocks of the writers say
    epoch = string.format('%.0f', math.max(tonumber(now), tonumber(known_epoch) + 1, tonumber(epoch) + 1))
  end
end

-- where each change begins, and the spans that they are about: read in one call, each call costs as much as its work
local begins, ids, asked = {}, {}, {}
local position = lines_at + 1
local lines = ARGV[lines_at]
while position <= #ARGV do
  local head = ARGV[position]
  local mark = byte(head) -- nil = a log line; 36 = $, 42 = *
  begins[#begins + 1] = position
  if not mark then
    ids[#ids + 1] = false
    position = position + 2
  elseif mark == 42 then
    ids[#ids + 1] = sub(head, 2, 17)
    position = position + 6
  elseif mark == 36 then
    ids[#ids + 1] = sub(head, 2, 17)
    position = position + 3
  else
    ids[#ids + 1] = sub(head, 1, 16)
    position = position + 2
  end
  asked[#asked + 1] = ids[#ids] or nil
end

local held = {}
if count > 0 then
  for first = 1, #asked, 500 do
    local last = math.min(first + 499, #asked)
    for i, state in ipairs(call('HMGET', spans, unpack(asked, first, last))) do held[asked[first + i - 1]] = state end
  end
end

local function stored(span_id)
  local state = written[span_id] or held[span_id]
  if state == nil then
    state = count > 0 and call('HGET', spans, span_id)
    held[span_id] = state
  end
  return state
end

-- an account is "errors unpriced input output nano backend\nbackend fallen back from"
local backends = {}
local function settle_account(account, sign)
  local failed, unpriced, input, output, nano, backend, from =
    match(account, '^(%d+) (%d+) (%d+) (%d+) (%d+) ([^\n]*)\n(.*)$')
  local sums = backends[backend]
  if not sums then
    sums = { 0, 0, 0, 0, 0, 0 }
    backends[backend] = sums
  end
  sums[1] = sums[1] + sign
  sums[2] = sums[2] + sign * failed
  sums[3] = sums[3] + sign * unpriced
  sums[4] = sums[4] + sign * input
  sums[5] = sums[5] + sign * output
  sums[6] = sums[6] + sign * nano
  if from ~= '' then add('b:' .. from .. ':fallbacks', sign) end
end

-- the account of an ended attempt again, from its stored state; nil where it has none. What it is made of stands before
-- the attributes and holds no integer that Lua's JSON would mangle. A span around calls has it in a field of its own
local function account_of(json)
  local from, at = find(json, ',"kind":"', 1, true) -- the first is its own, attributes come later
  local _, status = head_of(json)
  if not from or RANK[status] ~= 2 then return nil end
  local to = find(json, ',"attributes":', at, true) or #json
  local is_call = sub(json, at + 1, at + 9) == 'llm_call"'
  if not is_call and not find(sub(json, at, to), ',"account":{', 1, true) then return nil end
  local told = cjson.decode('{' .. sub(json, from + 1, to - 1) .. '}')
  if not is_call then told = told.account end
  local tokens = told.tokens or {}
  local unpriced = not told.cost_nano and (status ~= 'error' or told.tokens ~= nil)
  local backend = told.backend and told.backend ~= '' and told.backend or 'unknown'
  return string.format('%d %d %.0f %.0f %.0f %s\n%s', status == 'error' and 1 or 0, unpriced and 1 or 0,
    tokens.input or 0, tokens.output or 0, told.cost_nano or 0, (string.gsub(backend, '\n', ' ')),
    (string.gsub(told.fallback_from or '', '\n', ' ')))
end

-- the layer strip is text of our own making: names hold no bare quote, objects no inner brace
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

-- a run is named by its earliest parentless span, before one is known by its earliest orphan's top ancestor
local function consider_root(span_id, parent_id, json)
  local orphan = parent_id ~= ''
  if root and not root_orphan and orphan then return end
  local start = start_of(json)
  if root and not root_orphan and start >= root_start then return end
  if orphan and root then
    local parent_known = stored(parent_id)
    if parent_known and span_id ~= root then
      if parent_of(stored(root) or '') ~= span_id then return end
      for _ = 1, 1000 do -- climb; bounded, for parents may form a circle
        local above = parent_of(stored(span_id))
        if not above or above == root or not stored(above) then break end
        span_id = above
      end
      start, orphan = start_of(stored(span_id)), parent_of(stored(span_id)) ~= nil
    elseif start >= root_start and parent_of(stored(root) or '') ~= span_id then
      return
    end
  end
  root, root_start, root_orphan, root_moved = span_id, start, orphan, true
end

for i = 15, sources_at - 1, 2 do add('drop:' .. ARGV[i], tonumber(ARGV[i + 1])) end

-- a runner that was thought dead came back: the one case in which a lower rank wins
local function revives(old_rank, json)
  return old_rank == 1 and match(json, '^[^{]*{[^{]-"event":"[a-z_]+_revived"') ~= nil
end

-- the lines that go to the tail: all of them, but for those that lose, which is rare
local added, kept_from, pieces = 0, 1, {}
local function leave_out(from, to)
  if kept_from < from then pieces[#pieces + 1] = sub(lines, kept_from, from - 2) end
  kept_from = to + 2
end

-- Memory comes in sizes of a quarter, a half, three quarters and the whole between two powers of two. A batch just above
-- one of them would waste up to a fifth: it becomes two entries, the first as large as such a size has `room` for.
local ENTRY, WASTE = 96, 0.04 -- bytes of a stream's entry beside its lines; what is not worth a second entry
local room, cut, before_cut = 0, nil, nil
if #lines > 8192 then
  local step = 2048
  while #lines + ENTRY > 8 * step do step = 2 * step end
  local size = #lines + ENTRY
  local upper = math.ceil(size / step) * step
  if upper - size > WASTE * size then room = upper - step - ENTRY end
end

local at = 1 -- where the next line begins
for i, first in ipairs(begins) do
  local span_id, head = ids[i], ARGV[first]
  if at <= room then cut, before_cut = at, added end
  if not span_id then
    at = at + ARGV[first + 1] + 1
    added = added + 1
  else
    local mark = byte(head)
    local parent_id, account, layer, notes, full, ends = '', '', '', 0, nil, nil
    local begin, last = at, nil -- where its first line begins, and its last one
    if mark == 42 then
      parent_id, notes = sub(head, 18), tonumber(ARGV[first + 2])
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
      if mark == 36 then
        parent_id, account = sub(head, 18), ARGV[first + 2]
      else
        parent_id = sub(head, 17)
      end
    end
    local rev, status, start, noted = head_of(full)
    local rank = RANK[status]
    if not rank then
      return redis.error_reply('spantail: a state without its head') -- before the first write
    end
    local old, old_rev, old_status, old_noted, old_rank = stored(span_id), nil, nil, nil, nil
    if old then
      local _
      old_rev, old_status, _, old_noted = head_of(old)
      old_rank = RANK[old_status]
    end
    if not old and count >= span_cap and parent_id ~= '' then
      add('drop:run_cap', 1)
      leave_out(begin, at - 2)
    elseif old and not (rank > old_rank or (rank == old_rank and tonumber(rev) > tonumber(old_rev))
      or revives(old_rank, full)) then
      leave_out(begin, at - 2)
    else
      if not written[span_id] then order[#order + 1] = span_id end
      written[span_id] = full

      if not ends then
        added = added + 1
      else
        -- of the span events, another writer may have told the first ones
        local told = (notes > 0 and old) and math.min(math.max(0, notes - (noted - old_noted)), notes) or 0
        if told > 0 then leave_out(begin, ends[told]) end
        added = added + #ends - told
        -- a change that builds on one that is not here (an emptied Redis, another way that was faster) goes out
        -- whole, else the tail would not lead to the snapshot; span events alone carry no state
        if rank == 0 and (not old or tonumber(rev) > old_rev + 1) then
          if notes < #ends then
            leave_out(last, at - 2)
          else
            leave_out(at, at - 2) -- nothing, but here ends a piece
            added = added + 1
          end
          pieces[#pieces + 1] = full
        end
      end

      if not old then count = count + 1 end
      if rank == 0 then open = open + 1 end
      if old_rank == 0 then open = open - 1 end
      if status == 'error' then errors = errors + 1 end
      if old_status == 'error' then errors = errors - 1 end
      if rank == 1 then add('abandoned', 1) end
      if old_rank == 1 then
        add('corrected', 1)
        add('abandoned', -1)
      end
      if account ~= '' then
        if not accounts[span_id] then parents[span_id], replaced[span_id] = parent_id, old_rank == 2 and old end
        accounts[span_id] = account
      end
      if layer ~= '' then
        for entry in string.gmatch(layer, '[^\n]+') do set_layer(entry) end
      end
      if not old then consider_root(span_id, parent_id, full) end
    end
  end
end

-- Of LLM calls within each other only the innermost count: the others are wrappers, which tell the same tokens and cost
-- again. Every span above a call that has an account bears a mark in `wraps`, and what bears one counts nothing,
-- whichever of the two comes first. `ahead` = marks on spans that are not here yet; it is absent in a run without marks,
-- so that nothing is looked up where there is nothing to find.
local ahead = tonumber(seen[20] or '')
local marked, fresh, is_fresh, lookups, arrived = {}, {}, {}, {}, {}
local looked_up = {}
local function look_up(span_id)
  if not looked_up[span_id] then
    looked_up[span_id], lookups[#lookups + 1] = true, span_id
  end
end
if ahead then
  for span_id in pairs(accounts) do
    look_up(span_id)
    if parents[span_id] ~= '' then look_up(parents[span_id]) end
  end
  if ahead > 0 then
    for _, span_id in ipairs(order) do
      if not held[span_id] then
        arrived[#arrived + 1] = span_id
        look_up(span_id)
      end
    end
  end
  for first = 1, #lookups, 500 do
    local last = math.min(first + 499, #lookups)
    for i, mark in ipairs(call('HMGET', wraps, unpack(lookups, first, last))) do
      marked[lookups[first + i - 1]] = mark ~= false
    end
  end
end

local function is_marked(span_id)
  if marked[span_id] == nil then marked[span_id] = ahead ~= nil and call('HEXISTS', wraps, span_id) == 1 end
  return marked[span_id]
end

-- Where parents form a circle, the one that is around the others already is not within them too: else none would count.
local function is_above_itself(span_id, above)
  for _ = 1, 1000 do
    if above == span_id then return true end
    local state = above and above ~= '' and stored(above)
    if not state then return false end
    above = parent_of(state)
  end
  return false
end

local function mark_above(span_id, above)
  if is_marked(span_id) and is_above_itself(span_id, above) then return end
  while above and above ~= '' and above ~= span_id and not is_marked(above) do
    marked[above], is_fresh[above], fresh[#fresh + 1] = true, true, above
    local state = stored(above)
    if not state then
      ahead = (ahead or 0) + 1
      return
    end
    above = parent_of(state)
  end
end

for _, span_id in ipairs(arrived) do
  if is_marked(span_id) then
    ahead = ahead - 1
    mark_above(span_id, parent_of(stored(span_id)))
  end
end
for span_id in pairs(accounts) do mark_above(span_id, parents[span_id]) end
if #fresh > 0 then
  ahead = ahead or 0
  if not seen[20] then call('HLEN', wraps) end -- a wrong type refuses the call before the first write
end
for _, span_id in ipairs(fresh) do -- those that have counted until now
  local before = held[span_id] and not accounts[span_id] and account_of(held[span_id])
  if before then settle_account(before, -1) end
end
for span_id, account in pairs(accounts) do
  local counts = not is_marked(span_id)
  if replaced[span_id] and (counts or is_fresh[span_id]) then
    local before = account_of(replaced[span_id])
    if before then settle_account(before, -1) end
  end
  if counts then settle_account(account, 1) end
end

for backend, sums in pairs(backends) do
  local base = 'b:' .. backend .. ':'
  add(base .. 'calls', sums[1])
  add(base .. 'errors', sums[2])
  add(base .. 'unpriced', sums[3])
  add(base .. 'input', sums[4])
  add(base .. 'output', sums[5])
  add(base .. 'nano', sums[6])
end

if root and (root_moved or written[root]) then
  local json = stored(root)
  root_status = select(2, head_of(json))
  root_end = match(json, '"end":(%d+)') or ''
end
local operation, state_operation = seen[17], seen[18]
if state_json ~= '' then
  run_state = state_status
  state_operation = match(state_json, '"operation":"([^"\\]*)"') or state_operation
end
-- an operation is called as the service that started it says, else as the root of the run
if state_operation then
  operation = state_operation
elseif root and (root_moved or written[root] or not operation) then
  operation = name_of(stored(root)) or operation
end

-- A run without a root (orphans alone, or parents in a circle) goes on until it has been silent for a minute. That no
-- event can tell: a reaper says so. It ends as the span that names it did.
local kept_open = open > 0 or (run_state and not FINAL[run_state])
local silent = says_silent and not kept_open
local rooted = root_status and not root_orphan

-- the status is the run's own word where the service keeps one, else its root's
local status = (rooted or silent) and RUN_STATUS[root_status or 'abandoned'] or run_state or 'running'
if run_state and (FINAL[run_state] or (root_status and root_status ~= 'running')) then status = run_state end
local was_settled = seen[14] ~= false
local settled = not kept_open and ((rooted and root_status ~= 'running') or silent)

-- ---------------------------------------------------------------- write

if left_over then call('DEL', buffer, spans, layers_key, wraps, sources) end

local next_before = next_seq
if added > 0 then
  if kept_from > 1 then
    if kept_from <= #lines then pieces[#pieces + 1] = sub(lines, kept_from) end
    lines = table.concat(pieces, '\n')
  elseif cut and cut > 1 then
    next_seq, added = next_seq + before_cut, added - before_cut
    call('XADD', buffer, '0-' .. next_seq, 'n', before_cut, 'b', sub(lines, 1, cut - 2))
    lines = sub(lines, cut)
  end
  next_seq = next_seq + added
  call('XADD', buffer, '0-' .. next_seq, 'n', added, 'b', lines)
  local kept_from = next_seq - tail_cap
  if kept_from > tonumber(seen[11] or '0') then
    call('XTRIM', buffer, 'MINID', '0-' .. (kept_from + 1))
    local oldest = call('XRANGE', buffer, '-', '+', 'COUNT', 1)[1]
    local last = tonumber(match(oldest[1], '%-(%d+)$'))
    call('HSET', meta, 'first', last - tonumber(oldest[2][2]))
  end
end

-- many fields a call: the call itself is the larger part of its cost. `unpack` fails near 8,000 values
for first = 1, #order, 500 do
  local fields, n = {}, 0
  for i = first, math.min(first + 499, #order) do
    fields[n + 1], fields[n + 2] = order[i], written[order[i]]
    n = n + 2
  end
  call('HSET', spans, unpack(fields, 1, n))
end
for first = 1, #fresh, 500 do
  local fields, n = {}, 0
  for i = first, math.min(first + 499, #fresh) do
    fields[n + 1], fields[n + 2] = fresh[i], ''
    n = n + 2
  end
  call('HSET', wraps, unpack(fields, 1, n))
end
for n = 1, math.min(#new_sources, sources_room) do
  call('HSET', sources, ARGV[new_sources[n]], ARGV[new_sources[n] + 1])
end
if ahead and ahead ~= tonumber(seen[20] or '') then call('HSET', meta, 'ahead', ahead) end
local lost = totals['drop:redis_lost']
if lost and lost < 0 then -- more is stored again than was found missing, for another writer had stored since
  local before = tonumber(call('HGET', meta, 'drop:redis_lost') or '0')
  totals['drop:redis_lost'] = math.max(lost, 0 - before) -- not `-before`: of 0 that makes `-0`, which is no integer
end
for field, amount in pairs(totals) do call('HINCRBY', meta, field, string.format('%.0f', amount)) end
if layers_changed then call('SET', layers_key, layers) end
if state_json ~= '' then call('SET', state_key, state_json) end

-- what changes nothing (the same once more) breaks no silence
local has_changed = next_seq > next_before or next(totals) ~= nil or state_json ~= ''
local last = not has_changed and seen[21] or now
call('HSET', meta, 'next', next_seq, 'epoch', epoch, 'open', open, 'spans', count, 'errors', errors,
  'status', status, 'last', last)
if writer ~= '' then call('HSET', meta, 'w:' .. writer, writer_seq) end
if lost_next then call('HSET', meta, 'lost:' .. known_epoch, lost_next) end
if counted_next then call('HSET', meta, unpack(counted_next)) end
if run_state then call('HSET', meta, 'state', run_state) end
if operation and operation ~= seen[17] then call('HSET', meta, 'operation', operation) end
if state_operation and state_operation ~= seen[18] then call('HSET', meta, 'state_operation', state_operation) end
if root then
  call('HSET', meta, 'root', root, 'root_start', string.format('%.0f', root_start), 'root_orphan',
    root_orphan and 1 or 0, 'root_status', root_status, 'end', root_end)
end
if settled then call('HSET', meta, 'expected', next_seq) else call('HDEL', meta, 'expected') end

if seen[19] then -- pinned: a key that was just made has no expiry, the others lost theirs with the pin
  call('PERSIST', state_key)
else
  local expiry = settled and ARGV[11] or ARGV[10]
  call('EXPIRE', buffer, expiry)
  call('EXPIRE', spans, expiry)
  call('EXPIRE', meta, expiry)
  if layers ~= '[]' then call('EXPIRE', layers_key, expiry) end
  if ahead then call('EXPIRE', wraps, expiry) end
  call('EXPIRE', sources, expiry)
  if run_state then call('EXPIRE', state_key, ARGV[10]) end
end
redis.pcall('PUBLISH', channel, next_seq) -- all is stored: a user without rights to the channel must not hear otherwise

local tell_index = root_moved or not seen[1] or was_settled ~= (settled and true or false)
  or (open > 0 and (seen[7] or '0') == '0') -- a reaper may have taken a silent run out of the index
  or status ~= seen[16] or operation ~= seen[17]
  or (was_settled and next(totals) ~= nil) -- nobody looks at its money again unless told to
return { next_seq, 0, epoch, root and string.format('%.0f', root_start) or now, settled and 1 or 0, tell_index and 1 or 0,
  status, operation or '', next_seq - next_before }

-- Of LLM calls within each other only the innermost count: the others are wrappers, which tell the same tokens and cost
-- again. Every span above a call that has an account bears a mark in `wraps`, and what bears one counts nothing,
-- whichever of the two comes first. `ahead` = marks on spans that are not here yet; it is absent in a run without marks,
-- so that nothing is looked up where there is nothing to find.
-- The same rule stands in `model/rules/wrapping.py` and in the page's `tree.ts`; all are held to
-- `tests/golden/rules/wrapping.json`.

local ahead_before = tonumber(seen[20] or '')
local ahead = ahead_before
local marked, arrived = {}, {}
local fresh, is_fresh = {}, {} -- the marks that are new, by their order and by span

local function look_up_marks()
  local lookups, looked_up = {}, {}
  local function look_up(span_id)
    if not looked_up[span_id] then
      looked_up[span_id], lookups[#lookups + 1] = true, span_id
    end
  end
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
  for first = 1, #lookups, MOST_VALUES do
    local last = math.min(first + MOST_VALUES - 1, #lookups)
    for i, mark in ipairs(call('HMGET', wraps, unpack(lookups, first, last))) do
      marked[lookups[first + i - 1]] = mark ~= false
    end
  end
end

local function is_marked(span_id)
  local known = marked[span_id]
  if known ~= nil or not ahead_before then return known or false end
  known = call('HEXISTS', wraps, span_id) == 1
  marked[span_id] = known
  return known
end

-- Where parents form a circle, the one that is around the others already is not within them too: else none would count.
local function is_above_itself(span_id, above)
  for _ = 1, MOST_LEVELS do
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
    marked[above], is_fresh[above], fresh[#fresh + 1] = true, '', above
    local state = stored(above)
    if not state then
      ahead = (ahead or 0) + 1
      return
    end
    above = parent_of(state)
  end
end

if ahead then look_up_marks() end
for _, span_id in ipairs(arrived) do
  if is_marked(span_id) and not is_fresh[span_id] then -- a fresh mark is on a span that is here, and is none of `ahead`
    ahead = ahead - 1
    mark_above(span_id, parent_of(stored(span_id)))
  end
end
for span_id, account in pairs(accounts) do
  local above = parents[span_id]
  if account ~= '' and above ~= '' and not marked[above] then mark_above(span_id, above) end
end
if #fresh > 0 then
  ahead = ahead or 0
  if not ahead_before and not is_new then call('HLEN', wraps) end -- a wrong type refuses before the first write
end

-- what counts: accounts that are new, less those that they replace or that have become wrappers
for _, span_id in ipairs(fresh) do
  local before = held[span_id] and not accounts[span_id] and account_of(held[span_id])
  if before then settle_account(before, -1) end
end
for span_id, account in pairs(accounts) do
  local counts = not is_marked(span_id)
  if replaced[span_id] and (counts or is_fresh[span_id]) then
    local before = account_of(replaced[span_id])
    if before then settle_account(before, -1) end
  end
  if counts and account ~= '' then settle_account(account, 1) end
end
add_accounts()

if ahead and ahead ~= ahead_before then set_meta('ahead', ahead) end

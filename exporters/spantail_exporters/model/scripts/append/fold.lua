-- Which state of a span stays: final over abandoned over running, then the higher `rev`. The same rule stands in
-- `model/rules/fold.py` and in the page's `fold.ts`; all are held to `tests/golden/rules/fold.json`.

local RUNNING, ABANDONED, ENDED = 0, 1, 2
local RANK = { running = RUNNING, abandoned = ABANDONED, ok = ENDED, error = ENDED, skipped = ENDED, cancelled = ENDED }

-- rev, status, rank and, as text, start; nil without a whole head. Most states begin alike: what begins so is read once
local beginnings = {}
local function beginning_of(json)
  local at = find(json, ',"start":', 1, true)
  local start = at and match(json, '^(%d+),"noted":%d', at + 9)
  if not start then return nil end
  local text = sub(json, 1, at)
  local known = beginnings[text]
  if not known then
    local rev, status = match(text, '^{"rev":(%d+),"status":"(%a+)",$')
    known = { tonumber(rev), status, RANK[status or ''] }
    beginnings[text] = known
  end
  return known[1], known[2], known[3], start
end

-- a runner that was thought dead came back: the one case in which a lower rank wins
local function revives(old_rank, json)
  return old_rank == ABANDONED and match(json, '^[^{]*{[^{]-"event":"[a-z_]+_revived"') ~= nil
end

local function wins(rank, rev, json, old_rank, old_rev)
  return rank > old_rank or (rank == old_rank and rev > old_rev) or revives(old_rank, json)
end

-- Which state of a span stays: final over abandoned over running, then the higher `rev`. The same rule stands in
-- `model/rules/fold.py` and in the page's `fold.ts`; all are held to `tests/golden/rules/fold.json`.

local RUNNING, ABANDONED, ENDED = 0, 1, 2
local RANK = { running = RUNNING, abandoned = ABANDONED, ok = ENDED, error = ENDED, skipped = ENDED, cancelled = ENDED }

-- a runner that was thought dead came back: the one case in which a lower rank wins
local function revives(old_rank, json)
  return old_rank == ABANDONED and match(json, '^[^{]*{[^{]-"event":"[a-z_]+_revived"') ~= nil
end

local function wins(rank, rev, json, old_rank, old_rev)
  return rank > old_rank or (rank == old_rank and tonumber(rev) > tonumber(old_rev)) or revives(old_rank, json)
end

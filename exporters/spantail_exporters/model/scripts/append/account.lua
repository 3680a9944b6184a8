-- What an ended span adds to the totals of its backend, and of its model where that is known. An account is
--   outcome unpriced input output nano backend\nbackend fallen back from
-- with a further newline where that was expected, or, with a model, always: `\n1\nmodel`, `\n0\nmodel`. The outcome: 1 is an error, 2 a skipped attempt, which is no call.
-- The same rule stands in `model/rules/account.py`; both are held to `tests/golden/rules/account.json`.

-- Most accounts end alike, with the same backend and model: they are added up by that end before it is read.
local alike, backends, models = {}, {}, {}
local MOST_MODELS = 100 -- of a run; the calls of further ones are those of `other`
local EXPECTED = { budget = true, circuit_open = true, not_installed = true }
local SUMS = { 'calls', 'errors', 'unpriced', 'input', 'output', 'nano' }
local ONE, TWO = byte('12', 1, 2)

local function settle_account(account, sign)
  local input, output, nano, at = match(account, '^%d %d (%d+) (%d+) (%d+) ()')
  local ending = sub(account, at)
  local sums = alike[ending]
  if not sums then
    sums = { 0, 0, 0, 0, 0, 0, accounts = 0 }
    alike[ending] = sums
  end
  local outcome = byte(account)
  if outcome ~= TWO then sums[1] = sums[1] + sign end
  if outcome == ONE then sums[2] = sums[2] + sign end
  if byte(account, 3) == ONE then sums[3] = sums[3] + sign end
  sums[4] = sums[4] + sign * input
  sums[5] = sums[5] + sign * output
  sums[6] = sums[6] + sign * nano
  sums.accounts = sums.accounts + sign
end

local function add_to(all, name, sums)
  local known = all[name]
  if not known then
    known = { 0, 0, 0, 0, 0, 0 }
    all[name] = known
  end
  for i = 1, #SUMS do known[i] = known[i] + sums[i] end
end

-- A model that has a place of its own keeps it, and one that came too late never gets one: so what is taken back is
-- taken from where it was added.
local function place_of(model)
  local mark = 'model:' .. model
  if not is_new and call('HEXISTS', meta, mark) == 1 then return model end
  local known = totals.models or 0
  if not is_new then known = known + tonumber(call('HGET', meta, 'models') or '0') end
  if known >= MOST_MODELS then return 'other' end
  add('models', 1)
  set_meta(mark, 1)
  return model
end

local function add_sums(prefix, sums)
  for i, what in ipairs(SUMS) do
    if sums[i] ~= 0 then add(prefix .. ':' .. what, sums[i]) end
  end
end

local function add_accounts()
  for ending, sums in pairs(alike) do
    local backend, from, rest = match(ending, '^([^\n]*)\n([^\n]*)(.*)$')
    local expected, model = match(rest, '^\n(%d)\n(.*)$')
    add_to(backends, backend, sums)
    if model then add_to(models, model, sums) end
    if from ~= '' then
      local is_expected = expected == '1' or (not expected and rest ~= '')
      add('b:' .. from .. (is_expected and ':expected_fallbacks' or ':fallbacks'), sums.accounts)
    end
  end
  for backend, sums in pairs(backends) do add_sums('b:' .. backend, sums) end
  for model, sums in pairs(models) do
    local says_nothing = true
    for _, amount in ipairs(sums) do says_nothing = says_nothing and amount == 0 end
    if not says_nothing then add_sums('m:' .. place_of(model), sums) end
  end
end

-- the account of an ended attempt again, from its stored state; nil where it has none. What it is made of stands before
-- the attributes and holds no integer that Lua's JSON would mangle. A span around calls has it in a field of its own
local function account_of(json)
  local from, at = find(json, ',"kind":"', 1, true) -- the first is its own, attributes come later
  local _, status = head_of(json)
  if not from or RANK[status] ~= ENDED then return nil end
  local to = find(json, ',"attributes":', at, true) or #json
  local is_call = sub(json, at + 1, at + 9) == 'llm_call"'
  if not is_call and not find(sub(json, at, to), ',"account":{', 1, true) then return nil end
  local stated = cjson.decode('{' .. sub(json, from + 1, to - 1) .. '}')
  if not is_call then stated = stated.account end
  local tokens = stated.tokens or {}
  local unpriced = not stated.cost_nano and (status ~= 'error' and status ~= 'skipped' or stated.tokens ~= nil)
  local was_asked = status ~= 'skipped' or stated.tokens or (stated.cost_nano or 0) > 0
  local outcome = status == 'error' and 1 or not was_asked and 2 or 0
  local backend = stated.backend and stated.backend ~= '' and stated.backend or 'unknown'
  local from_backend = string.gsub(stated.fallback_from or '', '\n', ' ')
  local expected = from_backend ~= '' and EXPECTED[stated.fallback_reason]
  local ending = expected and '\n' or ''
  if stated.model and stated.model ~= '' then
    ending = (expected and '\n1\n' or '\n0\n') .. string.gsub(stated.model, '\n', ' ')
  end
  local numbers = string.format('%d %d %.0f %.0f %.0f ', outcome, unpriced and 1 or 0,
    tokens.input or 0, tokens.output or 0, stated.cost_nano or 0)
  -- joined, not formatted: `%s` ends at the first zero byte of a name
  return numbers .. string.gsub(backend, '\n', ' ') .. '\n' .. from_backend .. ending
end

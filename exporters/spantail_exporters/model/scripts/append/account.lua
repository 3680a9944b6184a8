-- What an ended span adds to the totals of its backend. An account is
--   errors unpriced input output nano backend\nbackend fallen back from
-- The same rule stands in `model/rules/account.py`; both are held to `tests/golden/rules/account.json`.

local backends = {}
local SUMS = { 'calls', 'errors', 'unpriced', 'input', 'output', 'nano' }

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

local function add_accounts()
  for backend, sums in pairs(backends) do
    for i, name in ipairs(SUMS) do add('b:' .. backend .. ':' .. name, sums[i]) end
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
  local unpriced = not stated.cost_nano and (status ~= 'error' or stated.tokens ~= nil)
  local backend = stated.backend and stated.backend ~= '' and stated.backend or 'unknown'
  return string.format('%d %d %.0f %.0f %.0f %s\n%s', status == 'error' and 1 or 0, unpriced and 1 or 0,
    tokens.input or 0, tokens.output or 0, stated.cost_nano or 0, (string.gsub(backend, '\n', ' ')),
    (string.gsub(stated.fallback_from or '', '\n', ' ')))
end

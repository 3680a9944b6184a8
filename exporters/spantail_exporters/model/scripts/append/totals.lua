-- What this call adds to the counters in `meta`, by field.

local totals = {}
local function add(field, amount)
  if amount ~= 0 then totals[field] = (totals[field] or 0) + amount end
end

for i = drops_at, sources_at - 1, 2 do add('drop:' .. ARGV[i], tonumber(ARGV[i + 1])) end

local function write_totals()
  local lost = totals['drop:redis_lost']
  if lost and lost < 0 then -- more is stored again than was found missing, for another writer had stored since
    local before = tonumber(call('HGET', meta, 'drop:redis_lost') or '0')
    totals['drop:redis_lost'] = math.max(lost, 0 - before) -- not `-before`: of 0 that makes `-0`, which is no integer
  end
  for field, amount in pairs(totals) do
    local added = string.format('%.0f', amount)
    if is_new and #meta_fields < MOST_VALUES then
      set_meta(field, added)
    else
      call('HINCRBY', meta, field, added)
    end
  end
end

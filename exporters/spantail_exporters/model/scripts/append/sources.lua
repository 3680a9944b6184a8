-- The resources and scopes that the spans come from. Each call brings those that its spans name, for Redis may have
-- lost them; their fields are digests, so what is here is the same.

local MOST_SOURCES = 200
local new_sources = {}
for i = sources_at + 1, lines_at - 1, 2 do
  if is_new or left_over or call('HEXISTS', sources, ARGV[i]) == 0 then new_sources[#new_sources + 1] = i end
end
local sources_left = #new_sources > 0 and MOST_SOURCES - ((is_new or left_over) and 0 or call('HLEN', sources)) or 0

local function write_sources()
  for n = 1, math.min(#new_sources, sources_left) do
    call('HSET', sources, ARGV[new_sources[n]], ARGV[new_sources[n] + 1])
  end
end

-- The resources and scopes that the spans come from. Each call brings those that its spans name, for Redis may have
-- lost them; their fields are digests, so what is here is the same. Sessions that spans name (`c:`) stand beside them,
-- and leave them half of the room.

local MOST_SOURCES, MOST_WITH_SESSIONS = 200, 100
local new_sources = {}
for i = sources_at + 1, lines_at - 1, 2 do
  if is_new or left_over or call('HEXISTS', sources, ARGV[i]) == 0 then new_sources[#new_sources + 1] = i end
end
local sources_left = #new_sources > 0 and MOST_SOURCES - ((is_new or left_over) and 0 or call('HLEN', sources)) or 0

local function write_sources()
  local room = sources_left
  for _, at in ipairs(new_sources) do
    local least = sub(ARGV[at], 1, 2) == 'c:' and MOST_SOURCES - MOST_WITH_SESSIONS or 0
    if room > least then
      call('HSET', sources, ARGV[at], ARGV[at + 1])
      room = room - 1
    end
  end
end

-- The one script that changes a run: its tail, snapshot, totals, layers and state, in one atomic step.
--
-- It is composed of the files of this folder, in the order that `model/run_script.py` gives, into one text: a local of
-- one part is seen by all after it. Two phases: everything is read and decided first, then written (`write.lua`), so
-- that a refused call leaves no trace.
-- Events are opaque bytes: Lua's JSON would mangle 16-digit integers and empty arrays. See `state_text.lua`.
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

local ARGV = ARGV -- a local is read faster than a global
local buffer, spans, meta, layers_key, wraps, sources, state_key = unpack(KEYS)
local channel, writer, writer_seq, now = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local known_epoch, known_next, known_writer_seq = ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7])
local tail_cap, span_cap = tonumber(ARGV[8]), tonumber(ARGV[9])
local open_expiry, settled_expiry = ARGV[10], ARGV[11]
local state_json, state_status = ARGV[12], ARGV[13]
local drops_at = 15
local sources_at = drops_at + 2 * tonumber(ARGV[14]) -- where they are counted
local lines_at = sources_at + 1 + 2 * tonumber(ARGV[sources_at])
local lines = ARGV[lines_at]

local match, call, find, sub, byte = string.match, redis.call, string.find, string.sub, string.byte
local MOST_VALUES = 500 -- that are unpacked at once: `unpack` fails near 8,000

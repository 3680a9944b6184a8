"""What keeps the index over sessions: one script that counts a run in its sessions, or takes it out of them (pure)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from spantail_exporters.model import keys
from spantail_exporters.model.limits import OPEN_EXPIRY_S, SETTLED_EXPIRY_S

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spantail_service.runs.meta import RunMeta

MOST_SESSIONS: Final = 10_000
"""Sessions that are kept: the ones that were active last."""

MOST_RUNS: Final = 1_000
"""Runs of a session: the ones that began last."""

_MOST_FIELDS: Final = 600  # of a session's sums; the calls of further backends are those of `other`
_KEPT_S: Final = 2 * 86_400  # after the last look at one of its runs, if nobody looks any more

_COUNT: Final = """
-- KEYS  sessions by their last activity, runs by when to look at them again. The parts of sessions and runs are named
--       here, by what is kept: all of one slot.
-- ARGV  1 what the parts' names begin with   2 most sessions   3 most runs of one   4 most fields of one   5 expiry (s)
--       6 run id   7 its epoch   8 its next seq   9 its start (us)   10 its last activity (us)
--       11 when to look at it again (s)
--       12 number of its sessions (0 = the run is gone), and of each digest and id; then field, amount, ...
-- RETURNS  0 = not counted: newer figures are
local recent, due = KEYS[1], KEYS[2]
local prefix, most_sessions, most_runs, most_fields = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local expiry, run_id, sessions = ARGV[5], ARGV[6], tonumber(ARGV[12])
local call = redis.call

local function key(part, name) return prefix .. part .. ':' .. name end

-- what was once given a place of its own keeps it, so that what is taken back is taken from where it was added
local function place_of(session, field)
  local figure = string.match(field, '^b:.*(:%a+)$')
  if not figure or call('HEXISTS', session, field) == 1 or call('HLEN', session) < most_fields then return field end
  return 'b:other' .. figure
end

local function add(digest, field, amount, sign)
  local session = key('session', digest)
  call('HINCRBY', session, place_of(session, field), string.format('%.0f', sign * tonumber(amount)))
end

local function drop(digest)
  call('DEL', key('session', digest), key('runs', digest))
  call('ZREM', recent, digest)
end

local function leave(run, digest)
  local runs, own = key('runs', digest), key('run', run)
  if call('ZREM', runs, run) == 0 then return end -- it had to make room before, or the session had
  local held = call('HGETALL', own)
  for i = 1, #held, 2 do
    if string.sub(held[i], 1, 1) ~= ':' then add(digest, held[i], held[i + 1], -1) end
  end
  if call('ZCARD', runs) == 0 then drop(digest) end
end

local own = key('run', run_id)
local before = call('HMGET', own, ':epoch', ':next', ':sessions')
if sessions > 0 and before[1] then
  local newer = tonumber(ARGV[7]) - tonumber(before[1])
  if newer == 0 then newer = tonumber(ARGV[8]) - tonumber(before[2]) end
  if newer < 0 then return 0 end
end
for digest in string.gmatch(before[3] or '', '%x+') do leave(run_id, digest) end
call('DEL', own)
if sessions == 0 then
  call('ZREM', due, run_id)
  return 1
end

local named = {}
for i = 13, 12 + 2 * sessions, 2 do named[#named + 1] = ARGV[i] end
call('HSET', own, ':epoch', ARGV[7], ':next', ARGV[8], ':sessions', table.concat(named, ' '))
for i = 13 + 2 * sessions, #ARGV, 2 do call('HSET', own, ARGV[i], ARGV[i + 1]) end
call('EXPIRE', own, 2 * expiry)
call('ZADD', due, ARGV[11], run_id)
for i = 13, 12 + 2 * sessions, 2 do
  local digest = ARGV[i]
  local session, runs = key('session', digest), key('runs', digest)
  call('HSET', session, 'id', ARGV[i + 1])
  call('ZADD', runs, ARGV[9], run_id)
  for at = 13 + 2 * sessions, #ARGV, 2 do
    if tonumber(ARGV[at + 1]) ~= 0 then add(digest, ARGV[at], ARGV[at + 1], 1) end
  end
  if call('ZCARD', runs) > most_runs then leave(call('ZRANGE', runs, 0, 0)[1], digest) end
  local last = tonumber(call('ZSCORE', recent, digest) or '0')
  call('ZADD', recent, string.format('%.0f', math.max(last, tonumber(ARGV[10]))), digest)
  call('EXPIRE', session, expiry)
  call('EXPIRE', runs, expiry)
end
local over = call('ZCARD', recent) - most_sessions
if over > 0 then
  for _, digest in ipairs(call('ZRANGE', recent, 0, math.min(over, 100) - 1)) do drop(digest) end
end
return 1
"""


def count_command(
    run_id: str, meta: RunMeta, sessions: Mapping[str, str], *, last_us: int, look_again_s: int, demo: bool
) -> tuple[Any, ...]:
    """Name the command that counts a run as it is now in its sessions, and takes back what it was before.

    Args:
        run_id: the run.
        meta: what is known of it.
        sessions: ids by digest.
        last_us: when it was last active (µs since the epoch).
        look_again_s: when to look whether it is still there (s since the epoch).
        demo: it worked on demo data.
    """
    figures = {
        "runs": 1,
        "open": int(meta.expected is None),
        "demo": int(demo),
        "spans": meta.spans,
        "errors": meta.errors,
    }
    for backend, totals in meta.backends.items():
        parts = {
            "calls": totals["calls"],
            "unpriced": totals["unpriced"],
            "input": totals["tokens"]["input"],
            "output": totals["tokens"]["output"],
            "nano": totals["cost_nano"],
        }
        for name, amount in parts.items():
            figures[name] = figures.get(name, 0) + amount
            if name in {"calls", "nano"}:
                figures[f"b:{backend}:{name}"] = amount
    values: list[str | int] = [len(sessions)]
    for digest, session_id in sessions.items():
        values += (digest, session_id)
    for name, amount in figures.items():
        if amount:
            values += (name, amount)
    start = meta.start or int(meta.epoch or 0)
    return (*_head(run_id), meta.epoch or 0, meta.next_index, start, last_us, look_again_s, *values)


def forget_command(run_id: str) -> tuple[Any, ...]:
    """Name the command that takes a run out of its sessions: it is gone. A session without runs goes too."""
    return (*_head(run_id), 0, 0, 0, 0, 0, 0)


def _head(run_id: str) -> tuple[Any, ...]:
    return (
        "EVAL", _COUNT, 2, keys.SESSIONS_RECENT, keys.SESSIONS_DUE,
        keys.SESSIONS, MOST_SESSIONS, MOST_RUNS, _MOST_FIELDS, _KEPT_S, run_id,
    )  # fmt: skip


def look_again_s(now_us: int, *, settled: bool, left_s: int | None = None) -> int:
    """When to look again whether a run is there (s since the epoch): just after it would have expired.

    Args:
        now_us: the time (µs since the epoch).
        settled: whether nothing more of it is expected.
        left_s: seconds until it expires, where that is known; one that is kept for good is below zero.
    """
    after_s = SETTLED_EXPIRY_S if settled else OPEN_EXPIRY_S
    if left_s is not None:
        after_s = min(max(left_s, 0), after_s) if left_s >= 0 else SETTLED_EXPIRY_S
    return now_us // 1_000_000 + after_s + 5


def ids_of(entries: Mapping[bytes, bytes]) -> dict[str, str]:
    """The sessions of a run by digest, from the fields of its hash of sources that are about sessions."""
    ids: dict[str, str] = {}
    for field, text in entries.items():
        entry = orjson.loads(text)
        session_id = entry.get("id") if isinstance(entry, dict) else None
        if isinstance(session_id, str):
            ids[field.decode()[2:]] = session_id
    return ids

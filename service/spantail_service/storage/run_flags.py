"""What changes a run's keys beside the run script (`append.lua`): flags in its meta hash, its expiry, its removal.

Here are the commands, in one place; they are sent by whoever has reason to. A script leaves alone a run that has just
gone: what it made there would never expire.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from spantail_exporters.model import keys
from spantail_exporters.model.limits import OPEN_EXPIRY_S, SETTLED_EXPIRY_S

if TYPE_CHECKING:
    from collections.abc import Mapping

Command = tuple[Any, ...]

_PIN: Final = """
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'pinned', 1)
for _, key in ipairs(KEYS) do redis.call('PERSIST', key) end
return 1
"""
_MARK_BOOKED: Final = "if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HSET', KEYS[1], 'booked', 1) end"
_MARK_IMPORTED: Final = """
if redis.call('HEXISTS', KEYS[1], 'next') == 1 then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
redis.call('EXPIRE', KEYS[1], ARGV[1])
return 1
"""
_IMPORT_BEGINS_S: Final = 60  # so long a mark without a run stays


def pin(run_id: str) -> Command:
    """Keep a run: `pinned`, and no expiry; answers 0 when it is not there."""
    run_keys = keys.run_keys(run_id)
    others = [key for key in run_keys if key != run_keys.meta]
    return ("EVAL", _PIN, len(run_keys), run_keys.meta, *others)


def unpin(run_id: str, *, is_settled: bool) -> list[Command]:
    """Let it expire as any other, counted from now on. To be sent as one transaction."""
    run_keys = keys.run_keys(run_id)
    expiry_s = SETTLED_EXPIRY_S if is_settled else OPEN_EXPIRY_S
    return [
        ("HDEL", run_keys.meta, "pinned"),
        *(("EXPIRE", key, OPEN_EXPIRY_S if key == run_keys.state else expiry_s) for key in run_keys),
    ]


def renew(run_id: str) -> list[Command]:
    """Keep an open run, which nobody writes at the moment, for as long as one that was just written; not if pinned."""
    return [("EXPIRE", key, OPEN_EXPIRY_S) for key in keys.run_keys(run_id)]


def remove(run_id: str) -> Command:
    """Remove all that is stored of a run but for what it cost."""
    return ("UNLINK", *keys.run_keys(run_id))


def mark_booked(run_id: str) -> Command:
    """Note that its cost is in the sums by day: `booked`."""
    return ("EVAL", _MARK_BOOKED, 1, keys.run_keys(run_id).meta)


def mark_imported(run_id: str, marks: Mapping[str, str | int]) -> Command:
    """Note before its first event that a run comes from a file: `imported`, and `marks`; answers 0 when it is here."""
    flat = [part for pair in {"imported": 1, **marks}.items() for part in pair]
    return ("EVAL", _MARK_IMPORTED, 1, keys.run_keys(run_id).meta, _IMPORT_BEGINS_S, *flat)

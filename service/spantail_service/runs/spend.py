"""What was spent, by day and backend: sums that outlive the runs they were made from.

A run's cost counts on the day (UTC) on which it began, so that a day's sum is the sum over its runs. The sums are
brought up to date by a bookkeeper, run by run: what a run adds now, less what it had added before, in one step
(`BOOK`). So a run is never counted twice, whoever books it and however often. What was imported was spent elsewhere.
What runs on demo data cost is nobody's money: it has sums of its own.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Self

from spantail.pricing import NANO
from spantail_exporters.model import keys
from spantail_exporters.redis.errors import will_be_back
from spantail_service.bounds.cancel import cancel
from spantail_service.runs.meta import SILENCE_US, parse_meta, parse_state
from spantail_service.storage.lease import Lease
from spantail_service.storage.run_flags import mark_booked
from spantail_service.storage.run_writes import now_us

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from spantail_service.runs.meta import RunMeta, RunState

logger = logging.getLogger(__name__)

MAX_DAYS = 366
"""Most days that a reader may ask for."""

_DAY_S: Final = 86_400
_KEPT_DAYS: Final = 400
_LEASE_INTERVALS: Final = 5  # a bookkeeper that missed so many rounds is replaced
_BOOKED_S: Final = 3 * _DAY_S  # longer than a run's data; `booked` on a pinned run says the rest
_FIELDS: Final = ("runs", "calls", "errors", "unpriced", "input", "output", "nano")
_DEMO: Final = "demo:"  # before the day of a run on demo data
_RUNS: Final = ""  # in the place of a backend, each of which has a name: what is counted per run

BOOK: Final = """
-- KEYS  what the run has added so far, the sums of its day, the sums of the day that it was booked on ('' before)
-- ARGV  day (of a run on demo data with `demo:` before it), expiry of the first (s), of the second (s), 1 = it must
--       have been booked before, epoch and next seq of the run as these figures were read, then field, amount, ...
-- RETURNS  0 = not booked: older figures than those that are booked, or another booker came in between
local before = redis.call('HGETALL', KEYS[1])
if ARGV[4] == '1' and #before == 0 then return 0 end
local held = {}
for i = 1, #before, 2 do held[before[i]] = before[i + 1] end
local newer = tonumber(ARGV[5]) - tonumber(held[':epoch'] or 0)
if newer == 0 then newer = tonumber(ARGV[6]) - tonumber(held[':next'] or 0) end
if newer < 0 then return 0 end
local old_day = held[':day']
if old_day and old_day ~= ARGV[1] and string.sub(KEYS[3], -#old_day - 5) ~= ':day:' .. old_day then return 0 end
for field, amount in pairs(held) do
  if field ~= ':day' and field ~= ':epoch' and field ~= ':next' then
    redis.call('HINCRBY', KEYS[old_day == ARGV[1] and 2 or 3], field, '-' .. amount)
  end
end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], ':day', ARGV[1], ':epoch', ARGV[5], ':next', ARGV[6])
for i = 7, #ARGV, 2 do
  redis.call('HINCRBY', KEYS[2], ARGV[i], ARGV[i + 1])
  redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
end
redis.call('EXPIRE', KEYS[1], ARGV[2])
redis.call('EXPIRE', KEYS[2], ARGV[3])
return 1
"""
# a run that changed meanwhile has a new score, and stays
_BOOKED: Final = "if redis.call('ZSCORE', KEYS[1], ARGV[1]) == ARGV[2] then redis.call('ZREM', KEYS[1], ARGV[1]) end"


def day_of(time_us: int) -> str:
    """The day (UTC, ISO) of a time in µs since the epoch."""
    return datetime.fromtimestamp(time_us / 1_000_000, UTC).date().isoformat()


def _sums_of(day: str) -> str:
    """The key of the sums of a day as it stands with a booked run."""
    return keys.spend_of_demo_day(day[len(_DEMO) :]) if day.startswith(_DEMO) else keys.spend_of_day(day)


class Bookkeeper:
    """Keeps the sums while its `async with` block lasts; of several services one does it at a time."""

    def __init__(self, redis: Redis, *, interval_s: float = 1.0) -> None:
        self._redis = redis
        self._interval_s = interval_s
        self._lease = Lease(keys.SPEND_LEASE)
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._seen: dict[str, tuple[Any, ...]] = {}  # runs that go on, as they were last booked

    async def __aenter__(self) -> Self:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name="spantail-bookkeeper")
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        self._stopping.set()
        await cancel(self._task)

    async def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                if await self._execute(*self._lease.claim(int(self._interval_s * _LEASE_INTERVALS * 1_000))):
                    await self.book()
                else:
                    self._seen.clear()
            except Exception as error:
                if will_be_back(error):
                    logger.info("sums by day: Redis cannot be used at the moment: %s", error)
                else:
                    logger.exception("sums by day: a round failed")
            with suppress(TimeoutError):
                async with asyncio.timeout(self._interval_s):
                    await self._stopping.wait()

    async def book(self) -> None:
        """Book every run that may have spent something since it was booked last."""
        cursor = 0
        alive: set[str] = set()
        while True:
            answer: Any = await self._redis.zscan(keys.RUNS_UNBOOKED, cursor, count=500)
            cursor, found = answer
            for i in range(0, len(found), 500):
                some = {run_id.decode(): score for run_id, score in found[i : i + 500]}
                await self._book(some)
                alive.update(some)
            if cursor == 0:
                break
        self._seen = {run_id: version for run_id, version in self._seen.items() if run_id in alive}

    async def _book(self, scores: dict[str, float]) -> None:
        pipe = self._redis.pipeline(transaction=False)
        for run_id in scores:
            pipe.hmget(keys.run_keys(run_id).meta, "epoch", "next", "expected", "root_start", "last")
        # Silence changes a run too: one without a root has settled then.
        silent_from = now_us() - SILENCE_US
        versions = {
            run_id: (*head, int(last or b"0") <= silent_from)
            for run_id, (*head, last) in zip(scores, await pipe.execute(), strict=True)
        }
        changed = [run_id for run_id, version in versions.items() if self._seen.get(run_id) != version]
        pipe = self._redis.pipeline(transaction=False)
        for run_id in changed:
            pipe.hgetall(keys.run_keys(run_id).meta)
            pipe.get(keys.run_keys(run_id).state)
        read = await pipe.execute() if changed else []
        for run_id, fields, stored in zip(changed, read[::2], read[1::2], strict=True):
            meta = parse_meta(fields, now_us())
            if meta is not None and not meta.imported:
                await self._book_run(run_id, meta, parse_state(stored), before=b"booked" in fields)
            if meta is None or meta.expected is not None or meta.imported:
                await self._execute("EVAL", _BOOKED, 1, keys.RUNS_UNBOOKED, run_id, f"{scores[run_id]:.0f}")
            else:
                self._seen[run_id] = versions[run_id]

    async def _book_run(self, run_id: str, meta: RunMeta, state: RunState | None, *, before: bool) -> None:
        if not meta.backends and not before:
            return
        day = day_of(meta.start or int(meta.epoch or 0))
        booked = keys.spend_of_run(run_id)
        held: Any = await self._redis.hget(booked, ":day")
        old_day = held.decode() if held else ""
        if state.demo if state is not None else old_day.startswith(_DEMO):
            day = f"{_DEMO}{day}"
        amounts: list[str | int] = [f"{_RUNS}:runs", 1]
        for backend, totals in meta.backends.items():
            figures = (
                0, totals["calls"], totals["errors"], totals["unpriced"],
                totals["tokens"]["input"], totals["tokens"]["output"], totals["cost_nano"],
            )  # fmt: skip
            for name, amount in zip(_FIELDS, figures, strict=True):
                if amount:
                    amounts += (f"{backend}:{name}", amount)
        await self._execute(
            "EVAL", BOOK, 3, booked, _sums_of(day), _sums_of(old_day or day),
            day, _BOOKED_S, _KEPT_DAYS * _DAY_S, int(before), meta.epoch or 0, meta.next_index, *amounts,
        )  # fmt: skip
        if not before:
            await self._execute(*mark_booked(run_id))

    async def _execute(self, *command: Any) -> Any:
        execute: Any = self._redis.execute_command  # redis-py has no types for it
        return await execute(*command)


async def spend_by_backend(redis: Redis, days: int, today: date | None = None) -> dict[str, Any]:
    """The sums of the last `days` days, the oldest first, and over all of them.

    Answers `{by, from, to, cost_usd, cost_nano, backends, demo, days: [{day, runs, cost_usd, cost_nano, backends,
    demo}]}`; days are UTC, a day without a run is there with nothing in it. What runs on demo data cost is in none of
    these figures but those of `demo`: `{runs, cost_usd, cost_nano, backends}`.
    """
    last = today or datetime.now(UTC).date()
    dates = [last - timedelta(days=back) for back in range(days - 1, -1, -1)]
    pipe = redis.pipeline(transaction=False)
    for one in dates:
        pipe.hgetall(keys.spend_of_day(one.isoformat()))
        pipe.hgetall(keys.spend_of_demo_day(one.isoformat()))
    read = await pipe.execute()
    real, demo = [_figures(fields) for fields in read[::2]], [_figures(fields) for fields in read[1::2]]
    over_all, over_demo = _summed(real), _summed(demo)
    over_all.pop(_RUNS, None)
    listed = [
        {"day": one.isoformat(), **_sums_and_runs(of_day), "demo": _sums_and_runs(of_demo)}
        for one, of_day, of_demo in zip(dates, real, demo, strict=True)
    ]
    return {
        "by": "backend", "from": dates[0].isoformat(), "to": last.isoformat(), **_sums(over_all),
        "demo": _sums_and_runs(over_demo), "days": listed,
    }  # fmt: skip


def _summed(days: list[dict[str, dict[str, int]]]) -> dict[str, dict[str, int]]:
    total: dict[str, dict[str, int]] = {}
    for figures in days:
        for backend, amounts in figures.items():
            into = total.setdefault(backend, {})
            for name, amount in amounts.items():
                into[name] = into.get(name, 0) + amount
    return total


def _sums_and_runs(figures: dict[str, dict[str, int]]) -> dict[str, Any]:
    runs = figures.get(_RUNS, {}).get("runs", 0)
    return {"runs": runs, **_sums({backend: amounts for backend, amounts in figures.items() if backend != _RUNS})}


def _figures(fields: dict[bytes, bytes]) -> dict[str, dict[str, int]]:
    figures: dict[str, dict[str, int]] = {}
    for field, amount in fields.items():
        backend, _, name = field.decode("utf-8", "replace").rpartition(":")
        if int(amount):
            figures.setdefault(backend, {})[name] = int(amount)
    return figures


def _sums(figures: dict[str, dict[str, int]]) -> dict[str, Any]:
    backends = {
        backend: {
            "calls": amounts.get("calls", 0),
            "errors": amounts.get("errors", 0),
            "unpriced": amounts.get("unpriced", 0),
            "tokens": {"input": amounts.get("input", 0), "output": amounts.get("output", 0)},
            "cost_usd": amounts.get("nano", 0) / NANO,
            "cost_nano": amounts.get("nano", 0),
        }
        for backend, amounts in sorted(figures.items())
    }
    nano = sum(amounts.get("nano", 0) for amounts in figures.values())
    return {"cost_usd": nano / NANO, "cost_nano": nano, "backends": backends}

"""Reads what was spent: sums of the last days, by backend, by model or by operation."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from spantail.pricing import NANO
from spantail_exporters.model import keys
from spantail_service.runs.spending.booking import DIMENSIONS, FALLBACKS, RUNS, UNKNOWN, Amounts

if TYPE_CHECKING:
    from redis.asyncio import Redis

MAX_DAYS: Final = 366
"""Most days that a reader may ask for."""

_BACKEND: Final = DIMENSIONS[0]


async def spend_of_days(redis: Redis, days: int, by: str = _BACKEND, today: date | None = None) -> dict[str, Any]:
    """The sums of the last `days` days, the oldest first, and over all of them.

    Answers `{by, from, to, cost_usd, cost_nano, backends, demo, days: [{day, runs, cost_usd, cost_nano, backends,
    demo}]}`; days are UTC, a day without a run is there with nothing in it. What runs on demo data cost is in none of
    these figures but those of `demo`: `{runs, cost_usd, cost_nano, backends}`. By model or operation, `models` or
    `operations` stand in the place of `backends`.
    """
    last = today or datetime.now(UTC).date()
    dates = [last - timedelta(days=back) for back in range(days - 1, -1, -1)]
    real, demo, runs = await _read(redis, dates, by)
    listed = [
        {"day": one.isoformat(), "runs": of_real, **_sums(real[i], by), "demo": {"runs": of_demo, **_sums(demo[i], by)}}
        for i, (one, (of_real, of_demo)) in enumerate(zip(dates, runs, strict=True))
    ]
    return {
        "by": by, "from": dates[0].isoformat(), "to": last.isoformat(), **_sums(_summed(real), by),
        "demo": {"runs": sum(of_demo for _, of_demo in runs), **_sums(_summed(demo), by)}, "days": listed,
    }  # fmt: skip


async def spend_by_backend(redis: Redis, days: int, today: date | None = None) -> dict[str, Any]:
    """The sums of the last `days` days by backend (`spend_of_days`)."""
    return await spend_of_days(redis, days, today=today)


async def _read(redis: Redis, dates: list[date], by: str) -> tuple[list[Amounts], list[Amounts], list[tuple[int, int]]]:
    """The sums of each day, those on demo data, and how many runs there were of both."""
    tables = (_BACKEND,) if by == _BACKEND else (_BACKEND, by)
    pipe = redis.pipeline(transaction=False)
    for one in dates:
        for table in tables:
            pipe.hgetall(keys.spend_of_day(one.isoformat(), table))
            pipe.hgetall(keys.spend_of_demo_day(one.isoformat(), table))
    read = [_figures(fields) for fields in await pipe.execute()]
    step = 2 * len(tables)
    runs = [
        (read[i].get(RUNS, {}).get("runs", 0), read[i + 1].get(RUNS, {}).get("runs", 0))
        for i in range(0, len(read), step)
    ]
    real, demo = read[step - 2 :: step], read[step - 1 :: step]
    if by != _BACKEND:
        for whole, parted in (*zip(read[::step], real, strict=True), *zip(read[1::step], demo, strict=True)):
            _add_rest(whole, parted)
    return real, demo, runs


def _add_rest(whole: Amounts, parted: Amounts) -> None:
    """Add as unknown what an earlier version has booked by backend alone: every dimension has the same sum."""
    rest: dict[str, int] = {}
    for sign, amounts in ((1, whole), (-1, parted)):
        for name, figures in amounts.items():
            if name != RUNS:
                for figure, amount in figures.items():
                    rest[figure] = rest.get(figure, 0) + sign * amount
    for figure in ("runs", FALLBACKS):
        rest.pop(figure, None)
    if not any(rest.values()):
        return
    unknown = parted.setdefault(UNKNOWN, {})
    for figure, amount in rest.items():
        unknown[figure] = unknown.get(figure, 0) + amount


def _summed(days: list[Amounts]) -> Amounts:
    total: Amounts = {}
    for amounts in days:
        for name, figures in amounts.items():
            into = total.setdefault(name, {})
            for figure, amount in figures.items():
                into[figure] = into.get(figure, 0) + amount
    return total


def _figures(fields: dict[bytes, bytes]) -> Amounts:
    amounts: Amounts = {}
    for field, amount in fields.items():
        name, _, figure = field.decode("utf-8", "replace").rpartition(":")
        if int(amount) or figure == FALLBACKS:
            amounts.setdefault(name, {})[figure] = int(amount)
    return {name: figures for name, figures in amounts.items() if any(figures.values())}


def _sums(amounts: Amounts, by: str) -> dict[str, Any]:
    parts = {
        name: {
            "calls": figures.get("calls", 0),
            "errors": figures.get("errors", 0),
            "unpriced": figures.get("unpriced", 0),
            "tokens": {"input": figures.get("input", 0), "output": figures.get("output", 0)},
            "cost_usd": figures.get("nano", 0) / NANO,
            "cost_nano": figures.get("nano", 0),
            **{each: figures[each] for each in ("runs", FALLBACKS) if each in figures},
        }
        for name, figures in sorted(amounts.items())
        if name != RUNS
    }
    nano = sum(figures.get("nano", 0) for name, figures in amounts.items() if name != RUNS)
    return {"cost_usd": nano / NANO, "cost_nano": nano, f"{by}s": parts}

"""PromQL of the dashboards: what is exact, what is a rate, and what every process tells alike."""

from __future__ import annotations

from typing import Final

SERVICE: Final = 'job="$service"'
"""What the service tells on `/metrics`. Most of it stands in Redis, so all processes tell the same."""

CALLS: Final = 'job="$calls"'
"""What each process counts of its own LLM calls and runs. It comes through the Collector, or from `/metrics`."""

_STEP: Final = "$__rate_interval"  # long enough for a point of a graph, and for four scrapes

DATA: Final = 'spantail_demo=~"$data"'
"""Real runs or those on demo data."""


def selected(metric: str, *conditions: str) -> str:
    """The series of a metric that fulfil all conditions."""
    return f"{metric}{{{','.join(conditions)}}}"


def narrowed(series: str, *conditions: str) -> str:
    """The same series, under further conditions."""
    return f"{series.removesuffix('}')},{','.join(conditions)}}}"


def gained(series: str, window: str = "$__range") -> str:
    """What counters gained within a window, to the unit.

    `rate()` and `increase()` leave out what a counter begins with, which is all of it where a process is short, and
    they extrapolate. This takes the difference for a counter that was there within the hour before, and all of it for
    one that was not. Only one that began anew within the window is left to `increase()`.
    """
    most, before = f"max_over_time({series}[{window}])", f"last_over_time({series}[1h] offset {window})"
    anew = f"increase({series}[{window}]) and resets({series}[{window}]) > 0"
    return f"({anew} or clamp_min({most} - {before}, 0) or {most})"


def total(series: str, *labels: str) -> str:
    """What was gained within the period, summed up over all processes, by labels."""
    return f"sum{_by(labels)}({gained(series)})"


def total_of_all(series: str, *labels: str) -> str:
    """The same for counters of which every process of the service tells the same."""
    return f"max{_by(labels)}({gained(series)})"


def pace(series: str, *labels: str, seconds: int = 1) -> str:
    """How much is gained in so many seconds, summed up over all processes."""
    return f"{seconds * 1_000} * sum{_by(labels)}({gained(series, _STEP)}) / {_STEP}_ms"


def pace_of_all(series: str, *labels: str, seconds: int = 1) -> str:
    """The same where every process of the service tells the same."""
    return f"{seconds * 1_000} * max{_by(labels)}({gained(series, _STEP)}) / {_STEP}_ms"


def shared(series: str, *labels: str) -> str:
    """A gauge of which every process of the service tells the same."""
    return f"max{_by(labels)}({series})"


def share(part: str, whole: str) -> str:
    """How large a part is: 0 where there is none, and nothing where there is no whole."""
    return f"({part} or 0 * {whole}) / ({whole} > 0)"


def quantile(q: float, metric: str, conditions: tuple[str, ...], *labels: str) -> str:
    """A quantile of a histogram with explicit buckets, over all processes."""
    buckets = gained(selected(f"{metric}_bucket", *conditions), _STEP)
    return f"histogram_quantile({q}, sum{_by(('le', *labels))}({buckets}))"


def _by(labels: tuple[str, ...]) -> str:
    return f" by ({', '.join(labels)}) " if labels else ""

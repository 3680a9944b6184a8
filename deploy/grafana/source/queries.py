"""PromQL of the dashboards: what is exact, what is a rate, and what every process tells alike."""

from __future__ import annotations

from typing import Final

SERVICE: Final = 'job="$service"'
"""What the service tells on `/metrics`. Most of it stands in Redis, so all processes tell the same."""

CALLS: Final = 'job="$calls"'
"""What each process counts of its own LLM calls and runs. It comes through the Collector, or from `/metrics`."""

DATA: Final = 'spantail_demo=~"$data"'
"""Real runs or those on demo data."""


def selected(metric: str, *conditions: str) -> str:
    """The series of a metric that fulfil all conditions."""
    return f"{metric}{{{','.join(conditions)}}}"


def narrowed(series: str, *conditions: str) -> str:
    """The same series, under further conditions."""
    return f"{series.removesuffix('}')},{','.join(conditions)}}}"


def gained(series: str) -> str:
    """What counters gained within the period, to the unit.

    `increase()` extrapolates and leaves out what a counter begins with, which is most of it where each process has
    its own counter. This takes the difference for a counter that was there before, and all of it for one that was not.
    """
    most = f"max_over_time({series}[$__range])"
    return f"(clamp_min({most} - ({series} offset $__range), 0) or {most})"


def total(series: str, *labels: str) -> str:
    """What was gained within the period, summed up over all processes, by labels."""
    return f"sum{_by(labels)}({gained(series)})"


def total_of_all(series: str, *labels: str) -> str:
    """The same for counters of which every process of the service tells the same."""
    return f"max{_by(labels)}({gained(series)})"


def rate(series: str, *labels: str) -> str:
    """Per second, summed up over all processes."""
    return f"sum{_by(labels)}(rate({series}[$__rate_interval]))"


def rate_of_all(series: str, *labels: str) -> str:
    """Per second, where every process of the service tells the same."""
    return f"max{_by(labels)}(rate({series}[$__rate_interval]))"


def shared(series: str, *labels: str) -> str:
    """A gauge of which every process of the service tells the same."""
    return f"max{_by(labels)}({series})"


def share(part: str, whole: str) -> str:
    """How large a part is: 0 where there is none, and nothing where there is no whole."""
    return f"({part} or 0 * {whole}) / ({whole} > 0)"


def quantile(q: float, metric: str, conditions: tuple[str, ...], *labels: str) -> str:
    """A quantile of a histogram with explicit buckets, over all processes."""
    buckets = rate(selected(f"{metric}_bucket", *conditions), "le", *labels)
    return f"histogram_quantile({q}, {buckets})"


def _by(labels: tuple[str, ...]) -> str:
    return f" by ({', '.join(labels)}) " if labels else ""

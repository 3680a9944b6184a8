"""Figures of several workers are added up; what they share is taken from one; nothing falls when one ends."""

from __future__ import annotations

import math

import orjson
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from spantail_service.workers.exposition import figures_of, registry_of
from spantail_service.workers.figures import Family, Sums

SHARED = "Money. All processes on one Redis tell the same: do not add them up."


def counter(value: float, *, is_shared: bool = False, **labels: str) -> Family:
    return Family("requests", "Requests.", "counter", "", is_shared, [["requests_total", labels, value, None]])


def gauge(value: float, *, is_shared: bool = False) -> Family:
    return Family("viewers", "Viewers.", "gauge", "", is_shared, [["viewers", {}, value, None]])


def values(families: list[Family]) -> dict[tuple[str, str], float]:
    return {
        (name, ",".join(map("=".join, labels.items()))): value
        for family in families
        for name, labels, value, _ in family.samples
    }


def test_what_each_counts_is_added_up_by_series() -> None:
    sums = Sums()
    added = sums.of({1: [counter(3, code="200"), gauge(2)], 2: [counter(4, code="200"), gauge(5)]})
    assert values(added) == {("requests_total", "code=200"): 7, ("viewers", ""): 7}
    added = sums.of({1: [counter(3, code="200")], 2: [counter(1, code="500")]})
    assert values(added) == {("requests_total", "code=200"): 3, ("requests_total", "code=500"): 1}


def test_a_counter_keeps_what_a_worker_that_ended_has_counted_and_a_gauge_does_not() -> None:
    sums = Sums()
    sums.of({1: [counter(3), gauge(2)], 2: [counter(4), gauge(5)]})
    sums.ended(2)
    assert values(sums.of({1: [counter(5), gauge(2)]})) == {("requests_total", ""): 9, ("viewers", ""): 2}
    again = sums.of({1: [counter(5), gauge(2)], 3: [counter(1), gauge(1)]})
    assert values(again) == {("requests_total", ""): 10, ("viewers", ""): 3}
    sums.ended(1)
    sums.ended(3)
    assert values(sums.of({4: [counter(0), gauge(0)]})) == {("requests_total", ""): 10, ("viewers", ""): 0}


def test_who_says_nothing_has_counted_what_it_said_last() -> None:
    sums = Sums()
    sums.of({1: [counter(3), gauge(2)], 2: [counter(4), gauge(5)]})
    assert values(sums.of({1: [counter(3), gauge(2)]})) == {("requests_total", ""): 7, ("viewers", ""): 2}
    assert values(sums.of({}))[("requests_total", "")] == 7
    assert ("viewers", "") not in values(sums.of({}))


def test_what_all_share_is_said_once_and_goes_on_when_its_source_ends() -> None:
    def said(value: float) -> list[Family]:
        return [counter(value, is_shared=True), gauge(value, is_shared=True)]

    sums = Sums()
    assert values(sums.of({1: said(10)})) == {("requests_total", ""): 10, ("viewers", ""): 10}
    # The second worker began to look later, so it has counted less.
    assert values(sums.of({1: said(14), 2: said(4)}))[("requests_total", "")] == 14
    sums.ended(1)
    assert values(sums.of({2: said(7)})) == {("requests_total", ""): 17, ("viewers", ""): 7}
    sums.ended(2)
    # The third one has never been asked before: it counts from now on.
    assert values(sums.of({3: said(0)}))[("requests_total", "")] == 17
    assert values(sums.of({3: said(2)}))[("requests_total", "")] == 19


def test_figures_survive_the_way_and_are_written_as_before() -> None:
    registry = CollectorRegistry()
    Counter("calls", "Calls.", ["model"], registry=registry).labels("gpt").inc(2, exemplar={"trace_id": "ab"})
    took = Histogram("took_seconds", "Time.", buckets=(0.5, 1), registry=registry)
    took.observe(0.7, exemplar={"trace_id": "cd"})
    Gauge("odd", "Unknown.", registry=registry).set(math.nan)
    figures = orjson.loads(orjson.dumps(figures_of(registry), default=tuple))
    restored = registry_of([Family(*family) for family in figures])
    for written in (generate_latest, generate_openmetrics):
        assert written(restored) == written(registry)


def test_shared_is_what_says_so_and_what_is_the_same_in_each() -> None:
    registry = CollectorRegistry()
    Gauge("cost_usd", SHARED, registry=registry)
    Gauge("spantail_redis_up", "1 when Redis answered.", registry=registry)
    Gauge("spantail_build_info", "The version.", registry=registry)
    Gauge("viewers", "Held open.", registry=registry)
    assert [family.is_shared for family in figures_of(registry)] == [True, True, True, False]


def test_histograms_of_two_workers_are_one() -> None:
    figures = []
    for seen in ((0.1, 0.7), (0.7, 5.0)):
        registry = CollectorRegistry()
        took = Histogram("took_seconds", "Time.", buckets=(0.5, 1), registry=registry)
        for duration_s in seen:
            took.observe(duration_s)
        figures.append(figures_of(registry))
    added = values(Sums().of(dict(enumerate(figures))))
    assert [added["took_seconds_bucket", f"le={bound}"] for bound in ("0.5", "1.0", "+Inf")] == [1, 3, 4]
    assert added["took_seconds_count", ""] == 4
    assert added["took_seconds_sum", ""] == 6.5

"""Whatever is sent to a service that runs as in production, four at a time: others are answered, memory is bounded.

The waits that are held are the service's own (see `bench.figures.shapes`), at twice the budget: beside a test run
another one may be running. `python -m bench shapes` prints the figures themselves.
"""

from __future__ import annotations

import pytest

from bench.figures.shapes import SENDERS, measured, service_to_watch
from bench.support.odd_requests import Shape, shapes

OWN_P99_MS = 2 * 100
OWN_WORST_MS = 2 * 250
MILLIONS = 0.3
OF_BYTES = 8
AT_REST = 150_000_000
"""What a service has grown by once each of its parts has been used, whatever was sent."""

WAYS: dict[str, list[Shape]] = {}
for one in shapes(MILLIONS):
    WAYS.setdefault(one.name.partition(":")[0], []).append(one)


@pytest.mark.alone
@pytest.mark.slow
@pytest.mark.allow_leaks  # the resource tracker of multiprocessing
@pytest.mark.parametrize("way", WAYS)
def test_others_are_answered_and_memory_is_bounded(way: str) -> None:
    largest = max(max(len(shape.body), len(shape.wire)) for shape in WAYS[way])
    with service_to_watch() as service:
        for shape in WAYS[way]:
            seen = measured(service, shape, least_waits=20)
            answered = {200, 400, 409, 413, "OK", "INVALID_ARGUMENT", "RESOURCE_EXHAUSTED"}
            assert set(seen.statuses) <= answered, (shape.name, seen)
            assert seen.own_p99 <= OWN_P99_MS, (shape.name, seen)
            assert seen.own_worst <= OWN_WORST_MS, (shape.name, seen)
            assert seen.grown <= OF_BYTES * SENDERS * largest + AT_REST, (shape.name, seen)

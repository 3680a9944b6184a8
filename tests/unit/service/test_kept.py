"""What is worked out of an index is kept while the run stays as it is, and for a while where it took long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spantail_service.trace_windows import kept as kept_module
from spantail_service.trace_windows.kept import Kept
from tests.unit.service.test_trace_windows import state, table_of

if TYPE_CHECKING:
    import pytest

    from spantail_service.trace_windows.span_table import SpanTable


class Clock:
    """Seconds that pass when work is done."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


def test_a_run_that_goes_on_is_worked_out_anew_but_for_a_twentieth_of_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock()
    monkeypatch.setattr(kept_module, "time", clock)
    kept, table = Kept(), table_of([state(1, None)])
    took, made = 0.0, 0

    def work(of: SpanTable) -> tuple[int, int]:
        nonlocal made
        clock.now += took
        made += 1
        return made, len(of)

    assert kept.get("a", table, work) == kept.get("a", table, work) == (1, 1)
    table.changes += 1
    assert kept.get("a", table, work) == (2, 1), "what took no time is as new as the run"
    took = 0.5
    table.changes += 1
    assert kept.get("a", table, work) == (3, 1)
    table.changes += 1
    clock.now += 9.9
    assert kept.get("a", table, work) == (3, 1)
    clock.now += 0.2
    assert kept.get("a", table, work) == (4, 1)
    other = table_of([state(1, None), state(2, 1)])
    assert kept.get("a", other, work) == (5, 2), "an index that was built anew is another one"


def test_what_was_worked_out_longest_ago_goes_first() -> None:
    kept, table = Kept(), table_of([state(1, None)])
    for number in range(17):
        assert kept.get(number, table, lambda _, number=number: number) == number  # type: ignore[misc]
    assert kept.get(1, table, lambda _: -1) == 1
    assert kept.get(0, table, lambda _: -1) == -1

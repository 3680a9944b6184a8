"""What becomes of spans whose end is lost, and of span events that are sent while their span is open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.trace import Status, StatusCode, set_span_in_context

from spantail.redaction import TRUNCATED_KEY, Redactor
from spantail_exporters.delivery import assembler as assembler_module
from spantail_exporters.delivery.assembler import Assembler
from spantail_exporters.model.record import parts_of

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

    from spantail_exporters.model.batch import Batch

LATER_US = 4_000_000_000_000_000


class World:
    """A tracer, and an assembler that is handed what the test wants it to have."""

    def __init__(self) -> None:
        self.lost: list[tuple[int, str]] = []
        self.assembler = Assembler("h:1:1", "w", Redactor(), lambda count, reason: self.lost.append((count, reason)))
        self.ended: list[Any] = []
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(_Ends(self.ended))
        self.tracer: Tracer = provider.get_tracer("t")

    def started(self, name: str = "work", parent: Any = None) -> Any:
        span = self.tracer.start_span(name, set_span_in_context(parent) if parent else None)
        self.assembler.take([span])
        return span

    def batches(self) -> list[Batch]:
        return self.assembler.batches()

    def sent(self) -> list[dict[str, Any]]:
        return [orjson.loads(line) for batch in self.batches() for line in batch.changes.lines]


class _Ends(SpanProcessor):
    def __init__(self, ended: list[Any]) -> None:
        self._ended = ended

    def on_end(self, span: ReadableSpan) -> None:
        self._ended.append(parts_of(span))


@pytest.fixture
def world() -> World:
    return World()


def test_an_end_that_found_no_room_is_told_from_the_span(world: World) -> None:
    span = world.started()
    run_id = f"{span.context.trace_id:032x}"
    world.sent()
    span.set_attribute("answer", 42)
    span.end()
    world.assembler.drop_ends(run_id, 1)
    world.assembler.scan(LATER_US, handed_over=7, taken=3)
    world.assembler.scan(LATER_US, handed_over=9, taken=6)
    (batch,) = world.batches()
    assert (len(batch.changes), batch.drops) == (0, {"queue_full": 1}), "it may be among those that wait"
    world.assembler.scan(LATER_US, handed_over=9, taken=7)
    (batch,) = world.batches()
    (end,) = [orjson.loads(line) for line in batch.changes.lines]
    assert (end["status"], end["attributes"], end["rev"]) == ("ok", {"answer": 42}, 2)
    assert end["end"] == span.end_time // 1000
    assert batch.drops == {"queue_full": -1}, "it has come after all"
    assert world.lost == [(1, "queue_full")], "the queue was full all the same"
    assert world.assembler.open_spans == 0


def test_an_end_that_comes_late_is_told_once(world: World) -> None:
    span = world.started()
    span.end()
    for taken in (0, 1):
        world.assembler.scan(LATER_US, handed_over=1, taken=taken)
    assert [event["status"] for event in world.sent()] == ["running", "ok"]
    world.assembler.take(world.ended)
    (again,) = world.sent()
    assert (again["status"], again["rev"]) == ("ok", 1), "the script passes over what is not above the stored revision"


def test_what_was_lost_with_the_disk_full_is_told_once_there_is_room(world: World) -> None:
    root, done = world.started("root"), world.started("done")
    world.sent()
    done.set_attribute("large", "x" * 10_000)
    done.end()
    unseen: Any = world.tracer.start_span("unseen")
    unseen.end()
    world.assembler.take(world.ended)
    for batch in world.batches():
        world.assembler.lose(batch, "spool_full")
    world.assembler.make_up(LATER_US)
    batches = {batch.run_id: batch for batch in world.batches()}
    (end,) = map(orjson.loads, batches[f"{done.context.trace_id:032x}"].changes.lines)
    assert (end["status"], end["rev"], end["end"]) == ("ok", 2, done.end_time // 1000)
    assert list(end["attributes"]) == [TRUNCATED_KEY]
    assert sum(batches[f"{done.context.trace_id:032x}"].drops.values()) == 0
    lost = batches[f"{unseen.context.trace_id:032x}"]
    assert (len(lost.changes), lost.drops) == (0, {"spool_full": 1}), "nobody has heard of its start"
    assert f"{root.context.trace_id:032x}" not in batches
    world.assembler.make_up(LATER_US)
    assert not world.batches()


def test_open_spans_of_a_run_that_lost_something_are_told_again(world: World) -> None:
    root = world.started("root")
    (batch,) = world.batches()
    world.assembler.lose(batch, "spool_full")
    world.assembler.make_up(LATER_US)
    (sent,) = world.sent()
    assert (sent["event"], sent["span_id"]) == ("span_update", f"{root.context.span_id:016x}")


def test_losses_that_wait_are_no_new_losses(world: World) -> None:
    world.assembler.drop("1" * 32, "queue_full", 3)
    for _ in range(5):
        (batch,) = world.batches()
        assert batch.drops == {"queue_full": 3}
        world.assembler.lose(batch, "spool_full")
    assert world.lost == [(3, "queue_full")]


def test_an_end_that_cannot_be_encoded_ends_its_span(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    span = world.started()
    world.sent()
    span.set_status(Status(StatusCode.ERROR, "no"))
    span.end()

    def fails(*_: Any, **__: Any) -> Any:
        raise ValueError

    monkeypatch.setattr(assembler_module, "encode_state", fails)
    world.assembler.take(world.ended)
    (batch,) = world.batches()
    (end,) = map(orjson.loads, batch.changes.lines)
    assert (end["event"], end["status"], end["rev"]) == ("span_error", "error", 2)
    assert end["end"] == span.end_time // 1000
    assert list(end["attributes"]) == [TRUNCATED_KEY]
    assert batch.drops == {"encode_error": 1}
    assert world.assembler.open_spans == 0


def test_more_open_spans_than_are_followed_are_told_when_they_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assembler_module, "OPEN_CAPACITY", 2)
    spans = [world.started(f"s{n}") for n in range(3)]
    sent = world.batches()
    assert sum(len(batch.changes) for batch in sent) == 2
    assert [dict(batch.drops) for batch in sent if batch.drops] == [{"open_cap": 1}]
    for span in spans:
        span.end()
    world.assembler.take(world.ended)
    assert [event["status"] for event in world.sent()] == ["ok"] * 3


def test_span_events_out_of_order_of_time_are_told_once_each(world: World) -> None:
    root = world.started("root")
    now = root.start_time
    for name, later_ns in (("first", 0), ("late", 10_000_000_000), ("second", 1_000)):
        root.add_event(name, timestamp=now + later_ns)
    world.started("child", root)
    world.assembler.scan(LATER_US)
    root.end()
    world.assembler.take(world.ended)
    events = [event["event"] for event in world.sent() if event["event"] in {"first", "late", "second"}]
    assert events == ["first", "late", "second"]


def test_an_exception_that_was_told_takes_no_other_event_with_it(world: World) -> None:
    span = world.started()
    span.record_exception(ValueError("x"))
    world.assembler.scan(LATER_US)
    span.add_event("cleanup")
    span.set_status(Status(StatusCode.ERROR))
    span.end()
    world.assembler.take(world.ended)
    events = world.sent()
    assert [event["event"] for event in events] == ["span_start", "exception", "cleanup", "span_error"]
    assert [event["noted"] for event in events] == [0, 1, 2, 2]
    assert events[-1]["error"]["type"] == "ValueError"
    assert "exception.stacktrace" not in events[-1]["span_events"][0]["attributes"]


def test_whatever_is_told_of_a_span_brings_what_it_comes_from(world: World) -> None:
    span = world.started()
    (start,) = world.batches()
    tables = start.changes.sources
    assert [field[:2] for field in tables] == ["r:", "s:"]
    keys = [field[2:] for field in tables]
    assert [orjson.loads(start.changes.lines[0])[name] for name in ("resource", "scope")] == keys
    span.set_attribute("a", 1)
    world.assembler.scan(LATER_US)
    (update,) = world.batches()
    assert "resource" not in orjson.loads(update.changes.lines[0]), "it is as it was"
    world.assembler.resend("_update", LATER_US)
    (again,) = world.batches()
    span.end()
    world.assembler.take(world.ended)
    (end,) = world.batches()
    for batch in (update, again, end):
        assert batch.changes.sources == tables
    world.assembler.lose(end, "spool_full")
    world.assembler.make_up(LATER_US)
    (late,) = world.batches()
    assert late.changes.sources == tables
    assert orjson.loads(late.changes.lines[0])["resource"] == keys[0]

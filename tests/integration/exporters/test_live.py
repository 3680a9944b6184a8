"""Spans of the real SDK into real Redis: what a viewer can see, and when."""

from __future__ import annotations

import functools
import multiprocessing
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
import redis
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider, sampling
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.trace import Status, StatusCode

from spantail.live import LiveSpanProcessor, LogEvent
from spantail.redaction import Redactor
from spantail_exporters.delivery import spill
from spantail_exporters.delivery.batcher import Batcher
from spantail_exporters.delivery.sender import Sender
from spantail_exporters.livetail import RedisLivetailExporter, create_sink
from spantail_exporters.redis.errors import Unavailable
from spantail_exporters.redis.writer import RedisWriter
from tests.support.runs.live_runs import StoredRun, fold
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.trace import Span, Tracer

    from spantail_exporters.redis.exchange import Exchange


class Live:
    """An instrumented application."""

    def __init__(self, url: str, **provider: Any) -> None:
        self.url = url
        self.sink = create_sink(url)
        self.provider = TracerProvider(resource=Resource({"service.name": "app"}), **provider)
        self.provider.add_span_processor(LiveSpanProcessor(self.sink))
        self.tracer: Tracer = self.provider.get_tracer("test")

    def run(self, span: Span) -> StoredRun:
        return StoredRun(self.url, f"{span.get_span_context().trace_id:032x}")


def count_is(live: Live, span: Span, event: str, count: int) -> bool:
    return live.run(span).names().count(event) == count


@pytest.fixture
def live(redis_url: str) -> Iterator[Live]:
    application = Live(redis_url)
    yield application
    application.provider.shutdown()


def test_a_span_is_seen_while_it_runs(live: Live) -> None:
    with live.tracer.start_as_current_span("root", attributes={"spantail.kind": "operation"}) as root:
        with live.tracer.start_as_current_span("leaf") as leaf:
            eventually(lambda: live.run(root).names() == ["operation_start", "span_start"])
            run = live.run(root)
            held = run.spans[f"{leaf.get_span_context().span_id:016x}"]
            assert held["status"] == "running"
            assert held["end"] is None
            assert held["parent_id"] == f"{root.get_span_context().span_id:016x}"
            assert held["service"] == "app"
            assert held["runner"] == live.sink.runner_id
            assert (run.meta["status"], run.meta["open"]) == ("running", "2")
    assert live.sink.flush(5)
    run = live.run(root)
    assert run.names() == ["operation_start", "span_start", "span_complete", "operation_complete"]
    assert run.meta["status"] == "completed"
    assert int(run.meta["expected"]) == run.next_seq == 4


def test_a_span_says_from_its_start_what_it_comes_from(live: Live) -> None:
    library = live.provider.get_tracer("library", "1.2", "https://opentelemetry.io/schemas/1.30.0", {"mode": "quick"})
    resource = {"attributes": {"service.name": "app"}}
    scope = {"name": "library", "version": "1.2", "attributes": {"mode": "quick"},
             "schema_url": "https://opentelemetry.io/schemas/1.30.0"}  # fmt: skip
    with live.tracer.start_as_current_span("root") as root:
        root_id = f"{root.get_span_context().span_id:016x}"
        eventually(lambda: live.run(root).names() == ["span_start"])
        run = live.run(root)
        assert run.come_from(root_id) == (resource, {"name": "test"})
        assert (run.events[0]["resource"], run.events[0]["scope"]) == tuple(
            run.spans[root_id][name] for name in ("resource", "scope")
        )
        with library.start_as_current_span("leaf") as leaf:
            leaf.add_event("x")
    assert live.sink.flush(5)
    run = live.run(root)
    assert run.come_from(f"{leaf.get_span_context().span_id:016x}") == (resource, scope)
    assert run.come_from(root_id) == (resource, {"name": "test"})
    assert len(run.sources) == 3, "once per run, not per span"


def test_what_spans_come_from_is_told_again_where_redis_lost_it(live: Live) -> None:
    with live.tracer.start_as_current_span("root") as root:
        eventually(lambda: live.run(root).names() == ["span_start"])
        with redis.Redis.from_url(live.url) as client:
            client.flushdb()
        with live.tracer.start_as_current_span("leaf"):
            pass
        root_id = f"{root.get_span_context().span_id:016x}"
        eventually(lambda: root_id in live.run(root).spans)
        assert live.run(root).come_from(root_id) == ({"attributes": {"service.name": "app"}}, {"name": "test"})


def test_a_span_that_is_over_before_it_is_told_is_one_event(live: Live) -> None:
    with live.tracer.start_as_current_span("root") as root:
        eventually(lambda: live.run(root).names() == ["span_start"])
        for _ in range(50):
            with live.tracer.start_as_current_span("short"):
                pass
    assert live.sink.flush(5)
    run = live.run(root)
    assert len(run.spans) == 51
    assert len(run.events) < 75, "a start and an end for each would be 102"
    assert all(span["status"] == "ok" for span in run.spans.values())


def test_with_nothing_to_do_the_worker_sleeps(live: Live) -> None:
    sink: Any = live.sink
    with live.tracer.start_as_current_span("root") as root:
        eventually(lambda: live.run(root).names() == ["span_start"])
        eventually(lambda: sink._idle)
    assert live.sink.flush(5)
    eventually(lambda: sink._idle)


def test_what_is_added_to_an_open_span_is_seen(live: Live) -> None:
    with live.tracer.start_as_current_span("root") as root:
        eventually(lambda: live.run(root).names() == ["span_start"])
        root.set_attribute("spantail.progress.done", 3)
        root.set_attribute("spantail.progress.total", 9)
        root.add_event("decision_point", {"chose": "b"})
        root.update_name("renamed")
        eventually(lambda: "decision_point" in live.run(root).names())
        run = live.run(root)
        (held,) = run.spans.values()
        assert held["progress"] == {"done": 3, "total": 9}
        assert held["name"] == "renamed"
        assert held["span_events"][0]["name"] == "decision_point"
        update = run.events[-1]
        assert update["event"] == "span_update"
        assert update["attributes"] == {"spantail.progress.done": 3, "spantail.progress.total": 9}
        assert "span_events" not in update
    assert live.sink.flush(5)
    run = live.run(root)
    assert run.names() == ["span_start", "decision_point", "span_update", "span_complete"]


def test_the_tail_reads_in_order_of_time(live: Live) -> None:
    with live.tracer.start_as_current_span("root") as root:
        eventually(lambda: live.run(root).names() == ["span_start"])
        for n in range(5):
            root.add_event(f"before {n}")
            with live.tracer.start_as_current_span("child"):
                pass
            root.add_event(f"after {n}")
            context = root.get_span_context()
            live.sink.logged(LogEvent(time.time_ns(), context.trace_id, context.span_id, "INFO", "app", "line"))
            assert live.sink.flush(5)
    assert live.sink.flush(5)
    events = live.run(root).events
    assert [e["ts"] for e in events] == sorted(e["ts"] for e in events)
    # a child's start is told where the worker happens to look while it runs
    assert len([e for e in events if e["event"] != "span_start"]) == 5 * 4 + 1


def test_nothing_is_sent_for_what_did_not_change(live: Live) -> None:
    with (
        live.tracer.start_as_current_span("quiet") as quiet,
        live.tracer.start_as_current_span("busy") as busy,
    ):
        eventually(lambda: live.run(quiet).names().count("span_start") == 2)
        for n in range(3):  # each is seen in a look of its own at all open spans
            busy.set_attribute("n", n)
            eventually(functools.partial(count_is, live, quiet, "span_update", n + 1))
        updates = [e["span_id"] for e in live.run(quiet).events if e["event"] == "span_update"]
        assert set(updates) == {f"{busy.get_span_context().span_id:016x}"}


def test_snapshot_and_tail_are_the_same_story(live: Live) -> None:
    with live.tracer.start_as_current_span("root") as root:
        for n in range(5):
            with live.tracer.start_as_current_span(f"step {n}") as step:
                step.set_attribute("a", n)
                eventually(lambda: any(s["name"].startswith("step") for s in live.run(root).spans.values()))
                step.set_attribute("b", [n, n])
                step.add_event("e1", {"n": n})
                eventually(functools.partial(count_is, live, root, "e1", n + 1))
                step.add_event("e2")
                step.set_status(Status(StatusCode.ERROR, "no"))
    assert live.sink.flush(5)
    run = live.run(root)
    assert fold(run.events) == run.spans


def test_a_failure_carries_its_traceback(live: Live) -> None:
    with pytest.raises(ValueError, match="no such job"), live.tracer.start_as_current_span("root") as root:
        raise ValueError("no such job")
    assert live.sink.flush(5)
    (held,) = live.run(root).spans.values()
    assert held["status"] == "error"
    assert held["error"]["type"] == "ValueError"
    assert held["error"]["message"] == "no such job"
    assert "test_a_failure_carries_its_traceback" in held["error"]["traceback"]
    assert live.run(root).meta["status"] == "failed"


def test_log_lines_stand_in_the_tail(live: Live) -> None:
    with live.tracer.start_as_current_span("root") as root:
        context = root.get_span_context()
        live.sink.logged(LogEvent(1_000_000, context.trace_id, context.span_id, "INFO", "app", "hello"))
    assert live.sink.flush(5)
    lines = [e for e in live.run(root).events if e["event"] == "log"]
    assert [(e["ts"], e["message"], e["level"], e["span_id"]) for e in lines] == [
        (1000, "hello", "INFO", f"{context.span_id:016x}")
    ]


def test_unsampled_spans_cost_and_leave_nothing(redis_url: str) -> None:
    live = Live(redis_url, sampler=sampling.ALWAYS_OFF)
    with live.tracer.start_as_current_span("root"):
        pass
    live.provider.shutdown()
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0


def test_many_threads_one_order(live: Live) -> None:
    def work(parent: Span) -> None:
        with trace.use_span(parent):
            for _ in range(50):
                with live.tracer.start_as_current_span("work"):
                    pass

    with live.tracer.start_as_current_span("root") as root:
        threads = [threading.Thread(target=work, args=(root,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert live.sink.flush(10)
    run = live.run(root)
    assert len(run.spans) == 401
    assert run.meta["open"] == "0"
    assert int(run.meta["expected"]) == run.next_seq


@pytest.mark.parametrize("processor", [SimpleSpanProcessor, BatchSpanProcessor])
def test_the_exporter_under_a_stock_processor(redis_url: str, processor: Any) -> None:
    provider = TracerProvider()
    provider.add_span_processor(processor(RedisLivetailExporter(redis_url)))
    tracer = provider.get_tracer("t")
    with tracer.start_as_current_span("root") as root, tracer.start_as_current_span("child"):
        pass
    provider.shutdown()
    run = StoredRun(redis_url, f"{root.get_span_context().trace_id:032x}")
    assert run.names() == ["span_complete", "span_complete"]
    resource, scope = run.come_from(f"{root.get_span_context().span_id:016x}")
    assert resource["attributes"] == dict(provider.resource.attributes)
    assert scope == {"name": "t"}
    assert run.meta["status"] == "completed"
    assert run.meta["expected"] == "2"


def test_the_exporter_needs_an_address(monkeypatch: pytest.MonkeyPatch, redis_url: str) -> None:
    with pytest.raises(ValueError, match="SPANTAIL_REDIS_URL"):
        RedisLivetailExporter()
    monkeypatch.setenv("OTEL_EXPORTER_LIVETAIL_URL", redis_url)
    RedisLivetailExporter().shutdown()


def _child(live: Live, pipe: Any) -> None:
    with live.tracer.start_as_current_span("in the child") as span:
        pass
    pipe.send((span.get_span_context().trace_id, live.sink.flush(5), live.sink.runner_id))
    live.provider.shutdown()


def test_a_forked_process_delivers_its_own_spans_and_only_those(live: Live) -> None:
    with live.tracer.start_as_current_span("in the parent") as root:
        receiver, sender = multiprocessing.Pipe()
        process = multiprocessing.get_context("fork").Process(target=_child, args=(live, sender))
        process.start()
        assert receiver.poll(10)
        trace_id, flushed, runner = receiver.recv()
        process.join(10)
        assert process.exitcode == 0
    assert flushed
    assert runner != live.sink.runner_id
    assert live.sink.flush(5)
    run = live.run(root)
    assert trace_id == root.get_span_context().trace_id
    assert sorted(s["name"] for s in run.spans.values()) == ["in the child", "in the parent"]
    assert run.meta["open"] == "0"


class Gate(RedisWriter):
    """A writer that is unavailable until it is opened."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.open = threading.Event()

    def beat(self, runner_id: str) -> Exchange[bool]:
        if not self.open.is_set():
            raise Unavailable("closed")
        return super().beat(runner_id)


def test_what_does_not_fit_while_redis_is_away_is_counted_on_its_run(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spill, "_AHEAD_BYTES", 1)  # once the root waits nothing more is taken off the queue
    gate = Gate(redis_url)
    sink = Batcher(lambda *made: Sender(gate, *made), Redactor(), capacity=10)
    provider = TracerProvider()
    provider.add_span_processor(LiveSpanProcessor(sink))
    tracer = provider.get_tracer("t")
    with tracer.start_as_current_span("root") as root:
        eventually(lambda: sink._sender is not None and sink._sender.away and not sink._sender.accepts)
        for _ in range(20):
            with tracer.start_as_current_span("child"):
                pass
        assert not sink.flush(0.05)
        gate.open.set()
        assert sink.flush(10)
    provider.shutdown()
    run = StoredRun(redis_url, f"{root.get_span_context().trace_id:032x}")
    stored_ends = sum(s["status"] == "ok" for s in run.spans.values()) - 1
    assert (stored_ends, run.drops()["queue_full"]) == (10, 10)
    assert run.spans[f"{root.get_span_context().span_id:016x}"]["status"] == "ok"


def test_an_end_that_found_no_room_ends_its_span_all_the_same(live: Live) -> None:
    sink: Any = live.sink
    with live.tracer.start_as_current_span("root") as root:
        children = [live.tracer.start_span("child") for _ in range(100)]
        assert sink.flush(5)
        capacity, sink._capacity = sink._capacity, 1
        for child in children:
            child.end()
        sink._capacity = capacity
    eventually(lambda: "expected" in live.run(root).meta, what="the run settles")
    run = live.run(root)
    assert {span["status"] for span in run.spans.values()} == {"ok"}
    assert len(run.spans) == 101
    assert not any(run.drops().values()), "none of them is lost after all"
    assert sink._assembler.open_spans == 0


def test_shutdown_is_bounded_when_redis_is_away() -> None:
    sink = create_sink("redis://127.0.0.1:1/0")
    provider = TracerProvider()
    provider.add_span_processor(LiveSpanProcessor(sink))
    with provider.get_tracer("t").start_as_current_span("root"):
        pass
    assert sink.shutdown(0.2) is False
    eventually(lambda: not any(thread.name == "spantail-batcher" for thread in threading.enumerate()))
    provider.shutdown()


def test_an_event_that_is_too_large_keeps_its_place_in_the_tree(live: Live) -> None:
    with live.tracer.start_as_current_span("root") as root:
        for n in range(100):
            root.add_event("large", {f"a{k}": "x" * 20_000 + str(n) for k in range(10)})
    assert live.sink.flush(10)
    run = live.run(root)
    (held,) = run.spans.values()
    assert held["status"] == "ok"
    assert "spantail.truncated" in held["attributes"]
    assert run.drops()["too_large"] >= 1
    assert run.meta["status"] == "completed"

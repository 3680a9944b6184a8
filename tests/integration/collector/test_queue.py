"""What a real Collector has taken it delivers: over a kill, an outage of Jaeger, and a queue that is full."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.support.ports import free_port
from tests.integration.collector.harness import plain, send_spans, span
from tests.support.otlp.receiver import otlp_receiver
from tests.support.programs.collectors import running_collector
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path


def test_what_was_taken_survives_a_kill_while_jaeger_is_away(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    settings = {"JAEGER_ENDPOINT": address}
    queues = tmp_path / "queues"
    with running_collector(env=settings, storage=queues, log=tmp_path / "first.log") as collector:
        for number in range(20):
            assert send_spans(collector, [span(f"{number}-{part}") for part in range(5)]).status_code == 200
        collector.kill()
    with (
        otlp_receiver(address) as jaeger,
        running_collector(env=settings, storage=queues, log=tmp_path / "second.log") as collector,
    ):
        assert send_spans(collector, [span("afterwards")]).status_code == 200
        wanted = {f"{number}-{part}" for number in range(20) for part in range(5)} | {"afterwards"}
        eventually(lambda: jaeger.spans().keys() >= wanted, 30, what="all spans")
        assert sum(len(scope.spans) for batch in jaeger.batches for scope in batch.scope_spans) == len(wanted)


def test_a_full_queue_says_so_and_holds_what_it_has(tmp_path: Path) -> None:
    """The sender is refused in a way that has it try again: 503, as OTLP/HTTP wants it."""
    address = f"127.0.0.1:{free_port()}"
    settings = {"JAEGER_ENDPOINT": address, "COLLECTOR_QUEUE_BYTES": "100000"}
    taken: set[str] = set()
    with running_collector(env=settings, log=tmp_path / "collector.log") as collector:
        while (code := send_spans(collector, [span(f"{len(taken)}", {"filling": "x" * 5_000})]).status_code) == 200:
            taken.add(str(len(taken)))
        assert code == 503
        assert 10 < len(taken) < 30
        with otlp_receiver(address) as jaeger:
            eventually(lambda: jaeger.spans().keys() >= taken, 30, what="all that was taken")
            eventually(lambda: send_spans(collector, [span("again")]).status_code == 200, 30, what="room in the queue")
            eventually(lambda: "again" in jaeger.spans(), 30)
            assert jaeger.spans().keys() == taken | {"again"}


def test_above_its_memory_limit_it_refuses_and_stays_alive(tmp_path: Path) -> None:
    """5 MiB are less than it needs at rest, so the limit is met as soon as it looks."""
    with running_collector(env={"COLLECTOR_MEMORY_MIB": "5"}, log=tmp_path / "collector.log") as collector:
        eventually(lambda: send_spans(collector, [span("work")]).status_code == 503, 30, what="the refusal")
        assert "memory usage" in collector.output().lower()
        assert collector.process.poll() is None


def test_a_large_request_goes_on_in_pieces_that_jaeger_takes(tmp_path: Path) -> None:
    """A receiver of gRPC refuses more than 4 MiB at a time, and what was refused so would be lost."""
    with (
        otlp_receiver() as jaeger,
        running_collector(env={"JAEGER_ENDPOINT": jaeger.endpoint}, log=tmp_path / "collector.log") as collector,
    ):
        filling = {"filling": b"x" * 4_000}  # bytes, in which nobody looks for secrets
        assert send_spans(collector, [span(f"{number}", filling) for number in range(2_000)]).status_code == 200
        eventually(lambda: len(jaeger.spans()) == 2_000, 30, what="all spans")
        assert max(batch.ByteSize() for batch in jaeger.batches) < 4 * 1024 * 1024
        assert sum(batch.ByteSize() for batch in jaeger.batches) > 7_000_000


def test_a_span_that_no_request_could_hold_is_cut_and_takes_no_other_with_it(tmp_path: Path) -> None:
    with (
        otlp_receiver() as jaeger,
        running_collector(env={"JAEGER_ENDPOINT": jaeger.endpoint}, log=tmp_path / "collector.log") as collector,
    ):
        huge = span("huge", {"filling": "x" * 5_000_000}, events={"e": {"filling": "é" * 100_000}})
        assert send_spans(collector, [span("before"), huge, span("after")]).status_code == 200
        eventually(lambda: jaeger.spans().keys() == {"before", "huge", "after"}, 30, what="all three")
        arrived = jaeger.spans()["huge"]
    assert plain(arrived.attributes) == {"filling": "x" * 65_536}
    assert len(plain(arrived.events[0].attributes)["filling"].encode()) <= 65_536

"""Whatever the order, the number of times and the pieces in which events of several writers arrive: one outcome.

Thousands of random cases on real Redis. SPANTAIL_TEST_CASES sets how many per property and Redis version.
"""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson
import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Status, StatusCode

from spantail.live import LiveSpanProcessor, LogEvent
from spantail.redaction import Redactor
from spantail_exporters.delivery.assembler import Assembler
from spantail_exporters.delivery.batcher import Batcher
from spantail_exporters.delivery.sender import Sender
from spantail_exporters.model.batch import Batch
from spantail_exporters.model.changes import Change, Changes
from spantail_exporters.model.keys import run_keys
from spantail_exporters.model.run_script import SCRIPT, Applied, append_arguments, parse_reply
from spantail_exporters.redis.errors import Unavailable
from spantail_exporters.redis.writer import RedisWriter
from spantail_exporters.spool.spool import Spool
from tests.support.runs.live_runs import StoredRun, fold
from tests.support.runs.random_trees import Tree, expected_meta, expected_root, expected_totals, parsed, random_tree
from tests.support.runs.tape import Tape
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

CASES: Final = int(os.environ.get("SPANTAIL_TEST_CASES", "400"))
many = settings(
    max_examples=CASES,
    deadline=None,  # a shared machine pauses when it likes
    database=None,
    derandomize="SPANTAIL_TEST_CASES" not in os.environ,  # the same cases each time, new ones on request
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
# of a fixed length: Hypothesis draws about five bytes where it may, and shrinks by writing zeros just as well
tapes = st.binary(min_size=200, max_size=200).map(Tape)
_run_ids = itertools.count(1)


@dataclass(frozen=True, eq=False)
class Sent:
    """One batch on its way."""

    writer: str
    seq: int
    changes: Sequence[Change]


class Store:
    """The script on one connection."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.client = redis.Redis.from_url(url)
        self.client.script_load(SCRIPT)

    def apply(self, run_id: str, batch: Sent) -> Applied:
        arguments = append_arguments(run_id, batch.changes, writer=batch.writer, writer_seq=batch.seq, now_us=5_000)
        reply: Any = self.client.execute_command("EVALSHA", *arguments)  # type: ignore[no-untyped-call]
        return parse_reply(reply)

    def run(self, run_id: str) -> StoredRun:
        return StoredRun(self.url, run_id)

    def forget(self, run_id: str) -> None:
        self.client.delete(*run_keys(run_id))


@pytest.fixture
def store(redis_url: str) -> Iterator[Store]:
    made = Store(redis_url)
    yield made
    made.client.close()


def batches_of(tape: Tape, queues: dict[str, list[Change]]) -> list[Sent]:
    """Cut each writer's changes into batches and line all of them up, some sent again at once or much later."""
    numbered = [
        [Sent(writer, seq, part) for seq, part in enumerate(tape.pieces(changes, 4), 1)]
        for writer, changes in queues.items()
    ]
    line = tape.interleaved(numbered)
    again = [(at + tape.below(len(line) - at), batch) for at, batch in enumerate(line) if tape.chance(3)]
    for at, batch in sorted(again, key=lambda pair: -pair[0]):
        line.insert(at + 1, batch)
    return line


def story(spans: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The states without what counts changes: a span event alone is no new revision in the tail."""
    return {
        span_id: {name: value for name, value in state.items() if name not in {"rev", "ts", "event"}}
        for span_id, state in spans.items()
    }


def _corrected(run: StoredRun, span_id: str) -> dict[str, bool]:
    """A span that was abandoned, as the tail tells, and is not any more says so."""
    events = [event for event in run.events if event["span_id"] == span_id]
    was_abandoned = any(event.get("status") == "abandoned" for event in events)
    return {"corrected": True} if was_abandoned and run.spans[span_id]["status"] != "abandoned" else {}


def check(store: Store, tree: Tree, *, root: bool = True) -> StoredRun:
    """Compare what is stored with what the rules say; `StoredRun` itself refuses holes in the sequence."""
    run = store.run(tree.run_id)
    winners = tree.winners()
    assert run.spans == {span_id: {**parsed(state), **_corrected(run, span_id)} for span_id, state in winners.items()}
    for span_id, sent in tree.spans.items():
        assert run.spans[span_id]["parent_id"] == sent[0].state["parent_id"]
    assert run.first == 0
    assert run.next_seq == len(run.events)
    assert story(fold(run.events)) == story(run.spans), "the tail tells another story than the snapshot"
    meta = expected_meta(winners)
    if not root:
        meta = {name: meta[name] for name in ("open", "spans", "errors")}
    assert {name: run.meta[name] for name in meta} == meta
    assert {n: int(v) for n, v in run.meta.items() if n.startswith("b:") and v != "0"} == expected_totals(winners)
    if root:
        settled = meta["root_orphan"] == "0" and meta["open"] == "0"
        assert run.meta.get("expected") == (run.meta["next"] if settled else None)
    return run


@many
@given(tapes)
def test_in_whatever_order_events_arrive_the_outcome_is_that_of_in_order_delivery(store: Store, tape: Tape) -> None:
    tree = random_tree(tape, f"{next(_run_ids):032x}")
    everything = tape.shuffled(sent for history in tree.spans.values() for sent in history)
    queues: dict[str, list[Change]] = {}
    for sent in everything:  # not by its owner alone: a span may reach us by two ways
        queues.setdefault(f"w{tape.below(3)}", []).append(sent.change)
    line = batches_of(tape, queues)
    first_time: set[tuple[str, int]] = set()
    for batch in line:
        applied = store.apply(tree.run_id, batch)
        assert applied.duplicate == ((batch.writer, batch.seq) in first_time)
        first_time.add((batch.writer, batch.seq))
    check(store, tree)
    store.forget(tree.run_id)


@many
@given(tapes)
def test_each_writer_in_its_order_gives_every_event_once(store: Store, tape: Tape) -> None:
    tree = random_tree(tape, f"{next(_run_ids):032x}")
    queues: dict[str, list[Change]] = {}
    by_writer: dict[int, list[list[Change]]] = {}
    for history in tree.spans.values():
        # the reaper is left to the other properties: here nothing at all may get lost
        kept = [sent for sent in history if sent.writer != 9]
        by_writer.setdefault(kept[0].writer, []).append([sent.change for sent in kept])
        tree.spans[kept[0].state["span_id"]] = kept
    for writer, histories in by_writer.items():
        queues[f"w{writer}"] = tape.interleaved(histories)
    for batch in batches_of(tape, queues):
        store.apply(tree.run_id, batch)
    run = check(store, tree)
    sent = [event for changes in queues.values() for change in changes for event in change.events]
    assert sorted(map(_identity, run.events)) == sorted(_identity(parsed_line) for parsed_line in map(_load, sent))
    for span_id, history in tree.spans.items():
        seen = [_identity(event) for event in run.events if event["span_id"] == span_id]
        assert seen == [_identity(_load(event)) for one in history for event in one.change.events]
    store.forget(tree.run_id)


def _identity(event: dict[str, Any]) -> tuple[Any, ...]:
    return event["span_id"], event["rev"], event["noted"], event["event"], event["ts"]


def _load(line: bytes) -> dict[str, Any]:
    event: dict[str, Any] = orjson.loads(line)
    return event


@many
@given(tapes)
def test_clocks_that_disagree_change_nothing_but_the_choice_among_orphans(store: Store, tape: Tape) -> None:
    tree = random_tree(tape, f"{next(_run_ids):032x}", sane_clocks=False)
    everything = tape.shuffled(sent for history in tree.spans.values() for sent in history)
    for batch in batches_of(tape, {"w": [sent.change for sent in everything]}):
        store.apply(tree.run_id, batch)
    run = check(store, tree, root=False)
    winners = tree.winners()
    root = winners[run.meta["root"]]
    if any(state["parent_id"] is None for state in winners.values()):
        assert root["span_id"] == expected_root(winners)
    else:
        assert root["parent_id"] not in winners
    store.forget(tree.run_id)


# ---------------------------------------------------------------------------------- the real SDK and the assembler


class Writer:
    """One process: SDK spans, and the assembler that tells of them; what it made waits to be sent."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.items: list[Any] = []
        self.assembler = Assembler(name, name, Redactor())
        self.waiting: list[Sent] = []
        self.sent: list[Sent] = []
        self._seq = 0
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(LiveSpanProcessor(self))
        self.tracer = provider.get_tracer("t")

    runner_id = "web-1:1:1"

    def started(self, span: Any, /) -> None:
        self.items.append(span)

    def ended(self, span: Any, /) -> None:
        self.items.append(span)

    def logged(self, event: LogEvent, /) -> None:
        self.items.append(event)

    def flush(self, timeout_s: float) -> bool:
        return timeout_s >= 0

    shutdown = flush

    def assemble(self, tape: Tape, now_us: int) -> None:
        items, self.items = self.items, []
        for part in tape.pieces(items, 3):
            self.assembler.take(part)
            if tape.chance(3):
                self._collect(tape)
        self.assembler.scan(now_us)
        self._collect(tape)

    def _collect(self, tape: Tape) -> None:
        for batch in self.assembler.batches():
            for changes in tape.pieces(list(batch.changes), 4):
                self._seq += 1
                self.waiting.append(Sent(self.name, self._seq, changes))


@many
@given(st.binary(min_size=300, max_size=300).map(Tape))
def test_real_spans_of_several_processes_end_as_they_ended(store: Store, tape: Tape) -> None:
    writers = [Writer(f"w{n}") for n in range(3)]
    trace_id = next(_run_ids)
    alive: list[tuple[Any, Writer]] = []
    want: dict[str, dict[str, Any]] = {}
    order: dict[str, int] = {}
    lines = 0
    remote = trace.NonRecordingSpan(trace.SpanContext(trace_id, 0xABC, is_remote=True, trace_flags=trace.TraceFlags(1)))
    for step in range(6 + tape.below(30)):
        clock = 1_000_000_000 + step * 1_000_000
        what = tape.below(8)
        if what < 3 or not alive:
            writer = tape.pick(writers)
            parent = tape.pick([span for span, _ in alive]) if alive else remote
            span = writer.tracer.start_span(
                f"s{step}", trace.set_span_in_context(parent), attributes={"at": step}, start_time=clock
            )
            alive.append((span, writer))
            span_id = f"{span.get_span_context().span_id:016x}"
            order[span_id] = step
            want[span_id] = {
                "parent": f"{parent.get_span_context().span_id:016x}",
                "status": "running", "attributes": {"at": step}, "notes": [],
            }  # fmt: skip
            continue
        span, writer = tape.pick(alive)
        one = want[f"{span.get_span_context().span_id:016x}"]
        if what == 3:
            key = f"k{tape.below(3)}"
            span.set_attribute(key, step)
            one["attributes"][key] = step
        elif what == 4:
            span.add_event(f"n{step}", {"step": step}, timestamp=clock)
            one["notes"].append(f"n{step}")
        elif what == 5:
            writer.logged(LogEvent(clock, trace_id, span.get_span_context().span_id, "INFO", "app", f"line {step}"))
            lines += 1
        elif what == 6:
            one["status"] = tape.pick(("ok", "error"))
            if one["status"] == "error":
                span.set_status(Status(StatusCode.ERROR, "no"))
            span.end(clock)
            alive.remove((span, writer))
        if tape.chance(2):
            writer.assemble(tape, clock // 1000)
        if tape.chance(2):
            _deliver(store, f"{trace_id:032x}", tape, writers)
    for writer in writers:
        writer.assemble(tape, 2_000_000)
    while any(writer.waiting for writer in writers):
        _deliver(store, f"{trace_id:032x}", tape, writers)

    run = store.run(f"{trace_id:032x}")
    got = {
        span_id: {
            "parent": state["parent_id"], "status": state["status"], "attributes": state["attributes"],
            "notes": [note["name"] for note in state.get("span_events", [])],
        }
        for span_id, state in run.spans.items()
    }  # fmt: skip
    assert got == want
    assert story(fold(run.events)) == story(run.spans)
    assert run.first == 0
    assert run.next_seq == len(run.events)
    assert run.names().count("log") == lines
    assert run.meta["root"] == min(order, key=lambda s: order[s] if want[s]["parent"] == f"{0xABC:016x}" else 1e9)
    for span_id, one in want.items():
        mine = [event for event in run.events if event["span_id"] == span_id and event["event"] != "log"]
        assert [event["event"] for event in mine if event["event"][0] == "n"] == one["notes"]
        assert [event["rev"] for event in mine] == sorted(event["rev"] for event in mine)
    store.forget(run_id=f"{trace_id:032x}")


def _deliver(store: Store, run_id: str, tape: Tape, writers: list[Writer]) -> None:
    """Send one waiting batch of some writer, and perhaps an old one again, whose answer was lost."""
    writer = tape.pick(writers)
    if not writer.waiting:
        writer = next((one for one in writers if one.waiting), writer)
    if writer.waiting:
        batch = writer.waiting.pop(0)
        writer.sent.append(batch)
        assert not store.apply(run_id, batch).duplicate
    if writer.sent and tape.chance(2):
        assert store.apply(run_id, tape.pick(writer.sent)).duplicate


# ----------------------------------------------------------------------------------------------- Redis loses writes


@pytest.fixture
def redis_writers(redis_url: str) -> Iterator[dict[str, RedisWriter]]:
    made = {f"w{n}": RedisWriter(redis_url) for n in range(3)}
    yield made
    for writer in made.values():
        writer.close()


@many
@given(tapes)
def test_what_a_failover_lost_is_noticed_and_counted(
    store: Store, redis_writers: dict[str, RedisWriter], tape: Tape
) -> None:
    tree = random_tree(tape, f"{next(_run_ids):032x}")
    names = run_keys(tree.run_id)
    queues: dict[str, list[Change]] = {}
    for history in tree.spans.values():
        queues.setdefault(f"w{history[0].writer}", []).extend(sent.change for sent in history)
    # nothing is sent again here: what was confirmed is not, and what was not is no loss that a writer could know of
    line = list(dict.fromkeys(batches_of(tape, queues)))
    rewind_at = 1 + tape.below(len(line))
    keep_at = tape.below(rewind_at)
    kept: list[bytes | None] = []
    kept_next = lost = 0
    confirmed: dict[str, int] = {}
    at_keep: dict[str, int] = {}
    losers: set[str] = set()
    renewed: set[str] = set()

    def send(batch: Sent) -> None:
        sent = redis_writers[batch.writer].write(
            [Batch(tree.run_id, batch.writer, batch.seq, Changes(batch.changes), {})]
        )
        assert sent.refused == []
        if sent.renewed:
            renewed.add(batch.writer)

    for at, batch in enumerate(line):
        if at == keep_at:  # a replica that will be behind
            kept = [store.client.dump(key) for key in names]
            kept_next = int(store.client.hget(names.meta, "next") or 0)
            at_keep = dict(confirmed)
        if at == rewind_at:  # takes over
            lost = int(store.client.hget(names.meta, "next") or 0) - kept_next
            losers = {writer for writer, seq in confirmed.items() if seq > at_keep.get(writer, 0)}
            store.client.delete(*names)
            for key, value in zip(names, kept, strict=True):
                if value is not None:
                    store.client.restore(key, 0, value)
        send(batch)
        confirmed[batch.writer] = max(batch.seq, confirmed.get(batch.writer, 0))
    for writer in confirmed:  # what each does when Redis answers again, even with nothing to say
        send(Sent(writer, 1_000, ()))
    run = store.run(tree.run_id)
    assert run.next_seq == len(run.events)
    counted = run.drops().get("redis_lost", 0)
    if not lost:
        assert counted == 0
    elif losers and rewind_at < len(line):
        assert counted >= 1, f"{lost} events are gone, and nobody says so"
        assert counted <= lost
        assert losers <= renewed, "a writer that lost something must hear of it"
        if len(queues) == 1:
            assert counted == lost
    store.forget(tree.run_id)


class Interrupted:
    """A writer whose Redis is away while `away` is set."""

    def __init__(self, url: str) -> None:
        self.real = RedisWriter(url)
        self.away = False

    @property
    def index_waits(self) -> bool:
        return self.real.index_waits

    def update_index(self) -> Any:
        return self.real.update_index()

    def send(self, batches: Sequence[Batch]) -> Any:
        if self.away:
            raise Unavailable("away")
        return self.real.send(batches)

    def beat(self, runner_id: str) -> Any:
        if self.away:
            raise Unavailable("away")
        return self.real.beat(runner_id)

    @property
    def silent_for_s(self) -> float:
        return self.real.silent_for_s

    def known(self, run_id: str) -> Any:
        return self.real.known(run_id)

    def close(self) -> None:
        self.real.close()


class Application:
    """Real spans through the real worker, with a spool, over a writer that can be interrupted."""

    def __init__(self, url: str, folder: Path) -> None:
        self.writer = Interrupted(url)
        spool = Spool(folder)
        self.sink = Batcher(
            lambda assembler, runner, health: Sender(self.writer, assembler, runner, health, spools=[spool]),
            Redactor(),
        )
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(LiveSpanProcessor(self.sink))
        self.tracer = self.provider.get_tracer("t")


@pytest.fixture
def application(redis_url: str, tmp_path: Path) -> Iterator[Application]:
    made = Application(redis_url, tmp_path / "spool")
    yield made
    made.provider.shutdown()


def test_what_waited_on_disk_is_not_taken_for_a_duplicate(store: Store, application: Application) -> None:
    tracer = application.tracer
    with tracer.start_as_current_span("root") as root:
        run_id = f"{root.get_span_context().trace_id:032x}"
        assert application.sink.flush(5)
        application.writer.away = True
        for n in range(20):
            with tracer.start_as_current_span(f"child {n}"):
                pass
            application.sink.flush(0.01)
        application.writer.away = False
        eventually(lambda: len(store.run(run_id).spans) == 21, 15, what="all children, while the run is still open")
    assert application.sink.flush(5)
    assert store.run(run_id).meta["open"] == "0"


def test_a_run_that_ended_just_before_redis_was_set_back_is_not_left_running(
    store: Store, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spantail_exporters.delivery.recent._KEPT_S", 60.0)  # however long it takes here
    with application.tracer.start_as_current_span("root") as root:
        run_id = f"{root.get_span_context().trace_id:032x}"
        names = run_keys(run_id)
        assert application.sink.flush(5)
        kept = [store.client.dump(key) for key in names]
    assert application.sink.flush(5)
    assert store.run(run_id).meta["status"] == "completed"
    application.writer.away = True
    with application.tracer.start_as_current_span("another run"):
        application.sink.flush(0.2)
        store.client.delete(*names)  # a replica that was a moment behind takes over
        for key, value in zip(names, kept, strict=True):
            if value is not None:
                store.client.restore(key, 0, value)
        application.writer.away = False
        eventually(lambda: store.run(run_id).meta["status"] == "completed", 15, what="the end that Redis had confirmed")

"""An application that keeps its own books: what it emitted, written before each call, and how long a call took."""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import redis
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator

from spantail.live import LiveSpanProcessor
from spantail_exporters.livetail import create_sink
from spantail_exporters.model import keys
from tests.support.runs.live_runs import StoredRun, fold

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.trace import Span

    from tests.support.redis.faults import FaultyRedis


class _Book(IdGenerator):
    """Gives span ids and writes them down, so that the ledger is ahead of every span."""

    def __init__(self) -> None:
        self._random = RandomIdGenerator()
        self.last = 0

    def generate_span_id(self) -> int:
        self.last = self._random.generate_span_id()
        return self.last

    def generate_trace_id(self) -> int:
        return self._random.generate_trace_id()


class LedgerApplication:
    """An instrumented application of one thread."""

    def __init__(self, url: str) -> None:
        self._book = _Book()
        self.sink = create_sink(url)
        self.provider = TracerProvider(resource=Resource({"service.name": "app"}), id_generator=self._book)
        self.provider.add_span_processor(LiveSpanProcessor(self.sink))
        self.tracer = self.provider.get_tracer("ledger")
        self.emitted: dict[str, set[str]] = defaultdict(set)
        self.slowest_s = 0.0

    @contextlib.contextmanager
    def span(self, name: str = "root", *, root: bool = False) -> Iterator[Span]:
        """One span, timed and written down; `root` begins a run of its own wherever it is."""
        context = Context() if root else None
        began = time.perf_counter()
        span = self.tracer.start_span(name, context)
        self._took(began)
        self.emitted[run_of(span)].add(f"{self._book.last:016x}")
        with trace.use_span(span):
            yield span
        began = time.perf_counter()
        span.end()
        self._took(began)

    def work(self, parent: Span, spans: int, *, pause_s: float = 0.0, size: int = 0) -> None:
        """Emit child spans, each with an attribute of `size` characters."""
        with trace.use_span(parent):
            for n in range(spans):
                with self.span(f"step {n}") as span:
                    span.set_attribute("n", n)
                    if size:
                        span.set_attribute("text", "x" * size)
                if pause_s:
                    time.sleep(pause_s)

    def _took(self, began: float) -> None:
        self.slowest_s = max(self.slowest_s, time.perf_counter() - began)

    def assert_never_blocked(self) -> None:
        """No call waited for the network: the shortest time-out there is 2 s, a busy machine takes a part of that."""
        assert self.slowest_s < 1.0, f"a call took {self.slowest_s:.3f} s"

    def assert_closed(self, url: str, run_id: str, *, lost: bool = False, renewed: bool = False) -> StoredRun:
        """The books close: what was emitted is stored, or counted among the drops; returns what is stored.

        `lost` says whether there must be drops, `renewed` whether Redis began a new epoch of the run.
        """
        run = StoredRun(url, run_id)
        assert all(None not in run.come_from(span_id) for span_id in run.spans), "a span without what it comes from"
        emitted = self.emitted[run_id]
        assert set(run.spans) <= emitted, "a span that nobody emitted"
        over = {span_id for span_id, span in run.spans.items() if span["status"] == "ok"}
        without_end = len(emitted - over)
        drops = sum(run.drops().values())
        seen = sum(event["event"].endswith(("_start", "_complete")) for event in run.events)
        # Each span is handed over twice. A start that the worker meets after the end is told with it: no loss.
        assert without_end <= drops, f"{without_end} ends are missing, {run.drops()} are counted"
        assert drops <= 2 * len(emitted) - seen, f"{run.drops()} are counted, {2 * len(emitted) - seen} are missing"
        assert bool(drops) == lost, run.drops()
        finals = [event["span_id"] for event in run.events if event["event"].endswith("_complete")]
        assert len(finals) == len(set(finals)), "an end was told twice"
        starts = [event["span_id"] for event in run.events if event["event"].endswith("_start")]
        assert len(starts) == len(set(starts)), "a start was told twice"
        assert int(run.meta["open"]) == len(run.spans) - len(over)
        if run.first == 0:
            assert fold(run.events) == run.spans
        with redis.Redis.from_url(url) as client:
            if client.info("cluster")["cluster_enabled"] == 0:  # there the index is another node's
                listed = client.zscore(keys.RUNS_RECENT, run_id)
                assert listed is not None
                assert listed == float(run.meta.get("root_start", listed)), "a run of nothing but losses has no root"
                assert client.sismember(keys.RUNS_OPEN, run_id) == ("expected" not in run.meta)
        if not lost and not renewed:
            assert (run.first, len(over), run.meta["status"]) == (0, len(emitted), "completed")
            assert int(run.meta["expected"]) == run.next_seq
        return run


def run_of(span: Span) -> str:
    """The run that a span belongs to."""
    return f"{span.get_span_context().trace_id:032x}"


def held_by(server: FaultyRedis, run_id: str) -> int:
    """How many events the server has of a run."""
    answer: Any = server.change(lambda client: client.hget(keys.run_keys(run_id).meta, "next"))
    return int(answer or 0)

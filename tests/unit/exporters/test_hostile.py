"""Spans as bad as they come: each has an outcome, nothing raises in the application, nothing blocks the others.

Where the SDK lets a hostile value through, it goes through the SDK; where it would raise or clean, the span is
made by hand, as other SDK implementations and test doubles make them.
"""

from __future__ import annotations

import decimal
import enum
import itertools
import logging
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import orjson
import pytest
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, TracerProvider
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags

import spantail
from spantail.live import LiveSpanProcessor, LogEvent
from spantail.redaction import Redactor
from spantail_exporters.delivery.assembler import Assembler
from spantail_exporters.delivery.batcher import Batcher
from spantail_exporters.delivery.sender import Sender
from spantail_exporters.redis.writer import RedisWriter, Sent
from tests.support.calls import Waiting
from tests.support.runs.live_runs import StoredRun
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from spantail_exporters.model.batch import Batch

SECRET: Final = "sk-canary7Qz9Xw2Lk4Vn8"
_EVENT_LIMIT: Final = 1024 * 1024
_NOW: Final = 1_795_308_986_084_596_000


class Colour(enum.Enum):
    RED = "red"


class Rank(enum.IntEnum):
    HIGH = 3


class Unreadable:
    """Nothing can be had of it."""

    def __str__(self) -> str:
        raise ValueError(SECRET)

    def __hash__(self) -> int:
        raise ValueError(SECRET)

    def __eq__(self, other: object) -> bool:
        raise ValueError(SECRET)

    __repr__ = __str__


class Exiting:
    def __str__(self) -> str:
        raise SystemExit(3)

    __repr__ = __str__


class Interrupting:
    def __str__(self) -> str:
        raise KeyboardInterrupt

    __repr__ = __str__


class LikeNumpy:
    """A scalar of a numeric library: no int, no float, but printable; comparing it gives no truth."""

    def __str__(self) -> str:
        return "7.5"

    def __eq__(self, other: object) -> Any:
        raise ValueError("the truth value of an array is ambiguous")

    __hash__ = None  # type: ignore[assignment]


class BrokenMapping(dict[str, Any]):
    def items(self) -> Any:
        raise ValueError(SECRET)

    def __iter__(self) -> Iterator[str]:
        raise ValueError(SECRET)


class BrokenList(list[Any]):
    def __iter__(self) -> Iterator[Any]:
        raise ValueError(SECRET)


def context(span_id: int = 2, trace_id: int = 1) -> SpanContext:
    return SpanContext(trace_id, span_id, is_remote=False, trace_flags=TraceFlags(1))


def span(**more: Any) -> ReadableSpan:
    """A finished span, made by hand."""
    settings: dict[str, Any] = {
        "name": "x",
        "context": context(),
        "start_time": _NOW,
        "end_time": _NOW + 5_000_000,
        "resource": Resource({"service.name": "app"}),
        **more,
    }
    return ReadableSpan(**settings)


def assembled(*items: Any) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """The events that items become, read back from their bytes, and what was counted as lost."""
    assembler = Assembler("web-1:1:1", "w", Redactor())
    assembler.take(items)
    batches = assembler.batches()
    events = [line for batch in batches for change in batch.changes for line in change.events]
    drops: dict[str, int] = {}
    for batch in batches:
        for reason, count in batch.drops.items():
            drops[reason] = drops.get(reason, 0) + count
    assert all(len(line) <= _EVENT_LIMIT for line in events)
    assert all(b"\n" not in line for line in events), "a newline would end an event"
    return [orjson.loads(line) for line in events], drops


def state_of(item: Any) -> dict[str, Any]:
    """The one event that a finished span becomes."""
    events, drops = assembled(item)
    assert drops == {}
    return events[-1]


# ------------------------------------------------------------------------------------------------ attribute values

DEEP: Any = "bottom"
for _ in range(2_000):
    DEEP = {"d": DEEP}

CIRCLE: list[Any] = []
CIRCLE.append(CIRCLE)

VALUES: list[tuple[str, Any, Any]] = [
    ("none", None, None),
    ("true", True, True),
    ("int64", -(2**63), -(2**63)),
    ("beyond int64", 2**63, str(2**63)),
    ("float", 0.1, 0.1),
    ("nan", math.nan, "NaN"),
    ("infinity", math.inf, "Infinity"),
    ("minus infinity", -math.inf, "-Infinity"),
    ("list", ["a", 1, None], ["a", 1, None]),
    ("tuple", (1.5, math.nan), [1.5, "NaN"]),
    ("empty", [], []),
    ("nested", {"a": {"b": [1, {"c": None}]}}, {"a": {"b": [1, {"c": None}]}}),
    ("bytes", b"text", "dGV4dA=="),
    ("no text", b"\xff\x00", "/wA="),
    ("set", {7}, [7]),
    ("decimal", decimal.Decimal("1.10"), "1.10"),
    ("enum", Colour.RED, "Colour.RED"),
    ("int enum", Rank.HIGH, 3),
    ("complex", 1 + 2j, "(1+2j)"),
    ("numpy-like", LikeNumpy(), "7.5"),
    ("exception", ValueError("no"), "no"),
    ("type", int, "<class 'int'>"),
    ("lone surrogate", "a\ud800b", "a\ufffdb"),
    ("surrogate pair", "\ud83d\ude00", "😀"),
    ("zero byte", "a\x00b", "a\x00b"),
    ("newline and quote", 'a\n"b', 'a\n"b'),
    ("unreadable", Unreadable(), "[unreadable]"),
    ("broken mapping", BrokenMapping(a=1), "[unreadable]"),
    ("broken list", BrokenList([1]), "[unreadable]"),
]


@pytest.mark.parametrize(("value", "outcome"), [v[1:] for v in VALUES], ids=[v[0] for v in VALUES])
def test_a_value_of_any_type_has_an_outcome(value: Any, outcome: Any) -> None:
    state = state_of(span(attributes={"before": 1, "value": value, "after": 2}))
    assert state["attributes"] == {"before": 1, "value": outcome, "after": 2}


def test_what_json_has_no_value_for_is_told_beside_it() -> None:
    values = {"nan": math.nan, "raw": b"\xff\x00", "floats": (1.5, math.inf, 2.0), "plain": ("NaN", 1)}
    state = state_of(span(attributes=values))
    assert state["types"] == {"nan": "double", "raw": "bytes", "floats": {"1": "double"}}
    assert state["attributes"] == {
        "nan": "NaN", "raw": "/wA=", "floats": [1.5, "Infinity", 2.0], "plain": ["NaN", 1]
    }  # fmt: skip


@pytest.mark.parametrize("value", [DEEP, CIRCLE], ids=["deep", "circle"])
def test_nesting_ends(value: Any) -> None:
    text = orjson.dumps(state_of(span(attributes={"value": value}))["attributes"]["value"])
    assert "truncated below 8 levels" in text.decode()
    assert len(text) < 1_000


@pytest.mark.parametrize(
    "key",
    ["", "a\nb", 'a"b', "\ud800", "k" * 1_000_000, 5, None, ("a", 1), Unreadable, b"\xff"],
    ids=["empty", "newline", "quote", "surrogate", "huge", "int", "none", "tuple", "type", "bytes"],
)
def test_a_key_of_any_kind_costs_nobody_else(key: Any) -> None:
    attributes = state_of(span(attributes={key: "value", "good": 1}))["attributes"]
    assert attributes["good"] == 1
    assert all(len(name) < 400 for name in attributes)


def test_an_unhashable_key_costs_its_attribute_alone() -> None:
    class Odd(Mapping[Any, Any]):
        """A mapping that is no dict and hands out what no dict would take."""

        def __getitem__(self, key: Any) -> Any:
            raise KeyError(key)

        def __iter__(self) -> Iterator[Any]:
            return iter(["good"])

        def __len__(self) -> int:
            return 1

    events, drops = assembled(span(attributes=Odd()), span(context=context(3), attributes={"good": 1}))
    assert len(events) + drops.get("encode_error", 0) == 2
    assert events[-1]["attributes"] == {"good": 1}


@pytest.mark.parametrize("attributes", [None, {}, [("a", 1)], 5, BrokenMapping(a=1)])
def test_attributes_that_are_none(attributes: Any) -> None:
    events, drops = assembled(span(attributes=attributes))
    assert len(events) + drops.get("encode_error", 0) == 1


@pytest.mark.alone
def test_ten_megabytes_are_cut_with_a_mark() -> None:
    begun = time.monotonic()
    state = state_of(span(name="n" * 10_000_000, attributes={"a": "x" * 10_000_000, "b": "ä" * 10_000_000}))
    assert time.monotonic() - begun < 2
    assert state["attributes"]["a"].endswith("…[truncated 10,000,000 → 32,768 bytes]")
    assert state["attributes"]["b"].endswith("…[truncated 20,000,000 → 32,768 bytes]")
    assert state["name"].endswith("…[truncated 10,000,000 → 32,768 bytes]")


def test_an_event_is_bounded_whatever_it_is_made_of() -> None:
    big = {f"k{n}": "v" * 20_000 for n in range(10)}
    events = [Event("e", big, _NOW) for _ in range(128)]
    links = [Link(context(9, 9), big) for _ in range(128)]
    lines, drops = assembled(span(attributes=big, events=events, links=links))
    stored = [line for line in lines if line["event"] == "span_complete"]
    assert len(stored) == 1 or drops == {"too_large": 1}
    if stored:
        assert "truncated" in orjson.dumps(stored[0]).decode(), "what was cut is marked"
        assert stored[0]["noted"] == 128


# --------------------------------------------------------------------------------------------------- promoted fields

PROMOTED = [
    "spantail.kind", "spantail.status", "spantail.backend", "spantail.tier", "spantail.layer", "spantail.layers",
    "spantail.attempt", "spantail.cost_usd", "spantail.cost.source", "spantail.fallback.from",
    "spantail.fallback.reason", "spantail.progress.done", "spantail.progress.total", "spantail.progress.message",
    "gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model", "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens", "gen_ai.usage.cost", "error.type",
]  # fmt: skip


@pytest.mark.parametrize("key", PROMOTED)
def test_a_promoted_attribute_may_hold_anything(key: str) -> None:
    spans = [
        span(context=context(n + 2), attributes={"spantail.kind": kind, key: value}, end_time=end,
             status=Status(StatusCode.ERROR))
        for n, (kind, end, value) in enumerate(
            (kind, end, value)
            for kind in ("llm_call", "layer", "operation")
            for end in (None, _NOW + 9)
            for _, value, _ in VALUES
        )
    ]  # fmt: skip
    events, drops = assembled(*spans)
    assert drops == {}
    assert len(events) == len(spans)
    for event in events:
        assert isinstance(event["status"], str)
        assert isinstance(event["kind"], str)
        assert event.get("cost_nano", 0) >= 0
        assert all(0 <= value < 2**53 for value in event.get("tokens", {}).values())


def test_the_list_of_layers_is_bounded() -> None:
    assembler = Assembler("web-1:1:1", "w", Redactor())
    assembler.take([span(end_time=None, attributes={"spantail.layers": ["x" * 1_000] * 100_000})])
    (batch,) = assembler.batches()
    assert len(next(iter(batch.changes)).layers) <= 256 * 1024


@pytest.mark.parametrize("layers", [5, "fetch", None, {"a": 1}, b"ab", [Unreadable()], [None, 5]])
def test_layers_that_are_no_list_of_names(layers: Any) -> None:
    assembler = Assembler("web-1:1:1", "w", Redactor())
    assembler.take([span(end_time=None, attributes={"spantail.layers": layers})])
    (batch,) = assembler.batches()
    assert batch.drops == {}
    for line in next(iter(batch.changes)).layers.split(b"\n"):
        if line:
            assert isinstance(orjson.loads(line)["name"], str)


# -------------------------------------------------------------------------------------- names, times, identity, rest


@pytest.mark.parametrize(
    ("name", "outcome"),
    [(5, "5"), (None, "None"), (["a"], None), (Unreadable(), None), ("a\ud800b", "a\ufffdb"),
     ("", ""), ('a\n"', 'a\n"')],
    ids=["int", "none", "list", "unreadable", "surrogate", "empty", "newline"],
)  # fmt: skip
def test_a_name_is_a_string_in_the_end(name: Any, outcome: str | None) -> None:
    got = state_of(span(name=name))["name"]
    assert isinstance(got, str)
    assert outcome is None or got == outcome


TIMES: list[tuple[str, Any, Any]] = [
    ("zero", 0, 0),
    ("negative", -5, 0),
    ("far future", 10**30, 2**53 - 1),
    ("float", 1.5e18, 1_500_000_000_000_000),
]


@pytest.mark.parametrize(("time_ns", "outcome"), [t[1:] for t in TIMES], ids=[t[0] for t in TIMES])
def test_times_are_whole_microseconds_in_range(time_ns: Any, outcome: int) -> None:
    state = state_of(span(start_time=time_ns, end_time=time_ns, events=[Event("e", {}, time_ns)]))
    for got in (state["start"], state["end"], state["ts"], state["span_events"][0]["ts"]):
        assert got == outcome
        assert isinstance(got, int)


@pytest.mark.parametrize("time_ns", [math.nan, math.inf, "yesterday", None], ids=["nan", "inf", "text", "none"])
def test_a_time_that_is_none(time_ns: Any) -> None:
    events, drops = assembled(span(start_time=time_ns), span(context=context(3)))
    assert len(events) + drops.get("encode_error", 0) == 2
    assert all(isinstance(event["start"], int) for event in events)


def test_an_end_before_its_start_is_kept_as_it_was_said() -> None:
    state = state_of(span(start_time=_NOW, end_time=_NOW - 1_000_000))
    assert (state["start"], state["end"]) == (_NOW // 1000, _NOW // 1000 - 1_000)
    assert state["status"] == "ok"


@pytest.mark.parametrize("damage", ["context", "status", "events", "links", "resource"])
def test_a_span_without_a_vital_part_costs_itself_alone(damage: str) -> None:
    broken = span()
    setattr(broken, f"_{damage}", [object()] if damage in {"events", "links"} else None)
    assembler = Assembler("web-1:1:1", "w", Redactor())
    assembler.take([broken, span(context=context(3))])
    sent = [change.span_id for batch in assembler.batches() for change in batch.changes]
    assert sent[-1] == f"{3:016x}"


def test_ids_out_of_range_do_not_leave_their_run() -> None:
    lines, drops = assembled(span(context=context(2**70, 2**140)), span())
    assert drops.get("encode_error", 0) + len(lines) == 2
    assert all(len(line["run_id"]) == 32 and len(line["span_id"]) == 16 for line in lines)


def test_the_same_span_id_in_two_runs_is_two_spans() -> None:
    lines, _ = assembled(span(context=context(2, 1), name="a"), span(context=context(2, 7), name="b"))
    assert {(line["run_id"][-1], line["name"]) for line in lines} == {("1", "a"), ("7", "b")}


def test_a_span_that_is_its_own_parent() -> None:
    assert state_of(span(parent=context()))["parent_id"] == f"{2:016x}"


@pytest.mark.parametrize("service", ["a\ud800b", 5, f"Bearer {SECRET}", "s" * 100_000])
def test_a_service_name_of_any_kind(service: Any) -> None:
    state = state_of(span(resource=Resource({"service.name": service})))
    assert isinstance(state["service"], str)
    assert SECRET not in state["service"]


@pytest.mark.parametrize(
    "log",
    [
        LogEvent(10**18, 1, 2, "INFO\ud800", "l\ud800", "m\ud800", {"a\ud800": "b\ud800"}),
        LogEvent(-5, 1, 2, "INFO", "l", "m" * 10_000_000),
        LogEvent(10**18, 1, 2, "INFO", "l", 'a\n"b\x00'),
        LogEvent(10**18, 2**140, 2**70, "INFO", "l", "m"),
    ],
    ids=["surrogates", "huge", "newline", "ids"],
)
def test_log_lines(log: LogEvent) -> None:
    lines, drops = assembled(log, LogEvent(10**18, 1, 2, "INFO", "l", "good"))
    assert len(lines) + drops.get("encode_error", 0) == 2
    assert lines[-1]["message"] == "good"


def test_what_went_wrong_is_said_without_the_secret_in_it(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        assembled(span(name=Unreadable(), attributes={"a": Unreadable(), "spantail.layers": [Unreadable()]}),
                  span(attributes={"error.type": Unreadable()}, status=Status(StatusCode.ERROR)))  # fmt: skip
        assembled(span(attributes={"spantail.layers": [Unreadable()]}, end_time=None))
    formatter = logging.Formatter()
    assert SECRET not in "".join(formatter.format(record) for record in caplog.records)


# -------------------------------------------------------------------------------------------- through the whole path


class Keeping:
    """A place that batches go to: memory."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []

    index_waits = False

    def update_index(self) -> Waiting[None]:
        raise AssertionError("there is no index")

    def send(self, batches: Sequence[Batch]) -> Waiting[Sent]:
        self.batches += batches
        return Waiting(lambda: Sent([], set(), []))

    def beat(self, runner_id: str) -> Waiting[bool]:
        return Waiting(lambda: bool(runner_id))

    silent_for_s = 0.0

    def known(self, _: str) -> None:
        return None

    def close(self) -> None:
        pass

    def has_told(self, text: bytes) -> bool:
        return any(text in line for batch in list(self.batches) for line in batch.changes.lines)

    def states(self) -> dict[str, dict[str, Any]]:
        """The last state that each span was told to have."""
        found: dict[str, dict[str, Any]] = {}
        for batch in list(self.batches):
            for change in batch.changes:
                if change.span_id:
                    found[change.span_id] = orjson.loads(change.state or change.events[-1])
        return found


@pytest.fixture
def kept() -> Iterator[tuple[Keeping, Batcher, TracerProvider]]:
    place = Keeping()
    sink = Batcher(lambda assembler, runner, health: Sender(place, assembler, runner, health), Redactor())
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(LiveSpanProcessor(sink))
    yield place, sink, provider
    provider.shutdown()


Path = tuple[Keeping, Batcher, TracerProvider]

HAND_MADE: list[tuple[str, Callable[[], ReadableSpan]]] = [
    ("no context", lambda: span(context=None)),
    ("exiting name", lambda: span(name=Exiting())),
    ("interrupting value", lambda: span(attributes={"a": Interrupting()})),
    ("unreadable", lambda: span(name=Unreadable(), attributes={"a": Unreadable()})),
    ("broken mapping", lambda: span(attributes=BrokenMapping(a=1))),
    ("no status", lambda: span(status=None)),
    ("no resource", lambda: _without(span(), "_resource")),
    ("strange events", lambda: span(events=[object()])),
    ("nan time", lambda: span(start_time=math.nan)),
]


def _without(made: ReadableSpan, attribute: str) -> ReadableSpan:
    setattr(made, attribute, None)
    return made


@pytest.mark.filterwarnings("default::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("make", [made[1] for made in HAND_MADE], ids=[made[0] for made in HAND_MADE])
def test_the_worker_lives_on_and_the_application_hears_nothing(kept: Path, make: Callable[[], ReadableSpan]) -> None:
    place, sink, provider = kept
    LiveSpanProcessor(sink).on_end(make())
    with provider.get_tracer("t").start_as_current_span("after") as after:
        pass
    assert sink.flush(5)
    assert place.states()[f"{after.get_span_context().span_id:016x}"]["status"] == "ok"


@pytest.mark.parametrize("value", [v[1] for v in VALUES], ids=[v[0] for v in VALUES])
def test_our_own_calls_take_any_value(kept: Path, value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    place, sink, provider = kept
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    with spantail.operation("op", attributes={"value": value}) as scope:
        scope.set("later", value)
        scope.event("event", value=value)
        scope.progress(value, value, value)
    assert sink.flush(5)
    assert place.states()[scope.span_id]["status"] == "ok"


def test_ten_thousand_span_events_are_counted(kept: Path) -> None:
    place, sink, provider = kept
    with provider.get_tracer("t").start_as_current_span("busy") as busy:
        for n in range(10_000):
            busy.add_event("e", {"n": n})
    assert sink.flush(10)
    state = place.states()[f"{busy.get_span_context().span_id:016x}"]
    assert state["noted"] == 10_000
    assert 0 < len(state["span_events"]) <= 128, "the SDK keeps the last ones"


def test_a_tree_a_thousand_deep(kept: Path) -> None:
    place, sink, provider = kept
    tracer = provider.get_tracer("t")
    chain = [tracer.start_span("0")]
    for n in range(1, 1_000):
        chain.append(tracer.start_span(str(n), trace.set_span_in_context(chain[-1])))
    for one in reversed(chain):
        one.end()
    assert sink.flush(10)
    states = place.states()
    assert len(states) == 1_000
    for above, below in itertools.pairwise(chain):
        assert states[f"{below.get_span_context().span_id:016x}"]["parent_id"] == (
            f"{above.get_span_context().span_id:016x}"
        )


def test_an_attribute_that_cannot_be_compared_is_told_once(kept: Path) -> None:
    place, sink, provider = kept
    with provider.get_tracer("t").start_as_current_span("x") as odd:
        odd._attributes._dict["a"] = LikeNumpy()  # type: ignore[attr-defined] # as a library that bypasses the API
        eventually(lambda: place.has_told(b'"a":"7.5"'))
        odd._attributes._dict["a"] = LikeNumpy()  # type: ignore[attr-defined]
        odd.add_event("looked at")
        eventually(lambda: place.has_told(b'"looked at"'))
        odd._attributes._dict["a"] = 1  # type: ignore[attr-defined]
    assert sink.flush(5)
    assert not any(batch.drops for batch in place.batches), "it is compared as it is told"
    assert place.states()[f"{odd.get_span_context().span_id:016x}"]["attributes"]["a"] == 1


@pytest.mark.alone
def test_a_slow_value_blocks_the_worker_alone(kept: Path) -> None:
    place, sink, provider = kept
    let_go = threading.Event()

    class Slow:
        def __str__(self) -> str:
            let_go.wait(10)
            return "slow"

    LiveSpanProcessor(sink).on_end(span(name=Slow()))
    begun = time.monotonic()
    for _ in range(100):
        with provider.get_tracer("t").start_as_current_span("quick"):
            pass
    assert time.monotonic() - begun < 1
    let_go.set()
    assert sink.flush(10)
    assert sum(state["name"] == "quick" for state in place.states().values()) == 100


# ------------------------------------------------------------------------------------------------------ in Redis


@pytest.fixture
def stored(redis_url: str) -> Iterator[Callable[..., StoredRun]]:
    writer = RedisWriter(redis_url)
    assembler = Assembler("web-1:1:1", "w", Redactor())

    def store(*items: Any, run: int = 1) -> StoredRun:
        for item in items:
            assembler.take([item])
            assert writer.write(assembler.batches()).refused == []
        return StoredRun(redis_url, f"{run:032x}")

    yield store
    writer.close()


@pytest.mark.parametrize("tokens", [2**62, 2**63 - 1, 2**63, 10**30, -1])
def test_no_number_of_tokens_stops_a_run(stored: Callable[..., StoredRun], tokens: int) -> None:
    call = {"spantail.kind": "llm_call", "spantail.backend": "b", "gen_ai.usage.input_tokens": tokens}
    run = stored(
        *(span(context=context(n), attributes=call) for n in range(2, 6)), span(context=context(9), name="after")
    )
    assert run.spans[f"{9:016x}"]["name"] == "after"
    assert run.next_seq == len(run.events) == 5
    assert run.meta["b:b:calls"] == "4"


def test_no_cost_stops_a_run(stored: Callable[..., StoredRun]) -> None:
    call = {"spantail.kind": "llm_call", "spantail.backend": "b", "spantail.cost_usd": 8.9e6}
    run = stored(*(span(context=context(n), attributes=call) for n in range(2, 1_200)))
    assert run.meta["b:b:calls"] == "1198"


def test_no_time_stops_a_run(stored: Callable[..., StoredRun]) -> None:
    spans = [span(context=context(n + 2), start_time=t[1], end_time=t[1]) for n, t in enumerate(TIMES)]
    run = stored(*spans, span(context=context(9)))
    assert len(run.spans) == len(TIMES) + 1


def test_parents_in_circles_and_of_themselves(stored: Callable[..., StoredRun]) -> None:
    run = stored(
        span(context=context(2), parent=context(3)), span(context=context(3), parent=context(4)),
        span(context=context(4), parent=context(2)), span(context=context(5), parent=context(5)),
    )  # fmt: skip
    assert {s: state["parent_id"] for s, state in run.spans.items()} == {
        f"{2:016x}": f"{3:016x}", f"{3:016x}": f"{4:016x}", f"{4:016x}": f"{2:016x}", f"{5:016x}": f"{5:016x}",
    }  # fmt: skip
    assert run.meta["open"] == "0"


def test_names_that_look_like_the_wire_format(stored: Callable[..., StoredRun]) -> None:
    names = ['"parent_id":"0000000000000009"', '"end":5', '{"rev":9,"status":"running","start":1', "\n", '"},"b":{"']
    run = stored(
        span(context=context(2), name="root"),
        *(
            span(context=context(n + 3), name=name, parent=context(2),
                 attributes={"spantail.kind": kind, "spantail.layer": name, "spantail.backend": name})
            for n, (name, kind) in enumerate((name, kind) for name in names for kind in ("layer", "llm_call", "span"))
        ),
    )  # fmt: skip
    assert run.meta["root"] == f"{2:016x}"
    assert {state["parent_id"] for state in run.spans.values()} == {None, f"{2:016x}"}
    assert sorted(layer["name"] for layer in run.layers) == sorted(names)
    assert run.meta["spans"] == "16"

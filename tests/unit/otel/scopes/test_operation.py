"""Scopes as context managers: what they write, how they end, and that they never hurt."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import inspect
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import Link, SpanKind, StatusCode

import spantail
from spantail.content import CAPTURE_CONTENT_VARIABLE
from spantail.scopes.operation import (
    Scope,
    current_run_id,
    layer,
    operation,
    phase,
    pipeline,
    progress,
    retrieval,
    subphase,
    tool,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.otel.conftest import Spans


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (operation, "operation"),
        (pipeline, "pipeline"),
        (layer, "layer"),
        (phase, "phase"),
        (subphase, "subphase"),
        (tool, "tool"),
        (retrieval, "retrieval"),
    ],
)
def test_each_kind_is_written(spans: Spans, make: Callable[[str], Scope], kind: str) -> None:
    with make("work"):
        pass
    span = spans.one("work")
    assert span.attributes is not None
    assert span.attributes["spantail.kind"] == kind
    assert span.kind is SpanKind.INTERNAL
    assert span.status.status_code is StatusCode.UNSET
    assert span.instrumentation_scope is not None
    assert span.instrumentation_scope.name == "spantail"


def test_the_attributes_of_the_start_are_there_from_the_start(spans: Spans) -> None:
    with operation(
        "job search",
        layers=["fetch", "score"],
        session_id="s1",
        user_id="u1",
        attributes={"spantail.run.name": "python developer", "unknown": None},
    ) as scope:
        at_start = dict(scope.span.attributes or {})  # type: ignore[attr-defined]
    assert at_start == {
        "spantail.kind": "operation",
        "spantail.layers": ("fetch", "score"),
        "spantail.session.id": "s1",
        "spantail.user.id": "u1",
        "spantail.run.name": "python developer",
    }
    assert spans.one().attributes == at_start


def test_layers_and_tools_name_themselves(spans: Spans) -> None:
    with layer("fetch"), tool("search_jobs", call_id="call_1"):
        pass
    assert (spans.one("fetch").attributes or {})["spantail.layer"] == "fetch"
    attributes = spans.one("search_jobs").attributes or {}
    assert attributes["gen_ai.operation.name"] == "execute_tool"
    assert attributes["gen_ai.tool.name"] == "search_jobs"
    assert attributes["gen_ai.tool.call.id"] == "call_1"


def test_plain_tracer_spans_nest_within_scopes(spans: Spans) -> None:
    tracer = trace.get_tracer("somebody.else")
    with operation("outer"):
        with tracer.start_as_current_span("plain"), layer("inner"):
            pass
        with phase("later"):
            pass
    assert spans.tree() == {"inner": "plain", "plain": "outer", "later": "outer", "outer": None}


def test_root_starts_a_new_trace_with_its_links(spans: Spans) -> None:
    with operation("request") as request:
        with operation(
            "run", root=True, links=[request.span, Link(request.span.get_span_context(), {"why": "again"})]
        ) as run:
            assert run.run_id != request.run_id
            assert current_run_id() == run.run_id
            with layer("child"):
                pass
        assert current_run_id() == request.run_id
    assert current_run_id() is None
    assert spans.tree() == {"child": "run", "run": None, "request": None}
    links = spans.one("run").links
    assert [link.context.span_id for link in links] == [request.span.get_span_context().span_id] * 2
    assert links[1].attributes == {"why": "again"}


def test_ids_are_those_of_the_span(spans: Spans) -> None:
    with operation("work") as scope:
        context = scope.span.get_span_context()
        assert scope.run_id == f"{context.trace_id:032x}"
        assert scope.span_id == f"{context.span_id:016x}"
    assert scope.run_id == f"{context.trace_id:032x}"
    assert len(spans.all()) == 1


def test_set_event_and_progress(spans: Spans) -> None:
    with operation("work") as scope:
        scope.set("plain", 1)
        scope.set("money", Decimal("0.25"))
        scope.set("unknown", None)
        scope.event("decision_point", chosen="a", **{"decision.score": 0.5})
        scope.progress(1, 4, "first")
        scope.progress(2)
        progress(3, message="third")
        spantail.event("note", number=1)
    span = spans.one()
    assert span.attributes == {
        "spantail.kind": "operation",
        "plain": 1,
        "money": 0.25,
        "spantail.progress.done": 3,
        "spantail.progress.total": 4,
        "spantail.progress.message": "third",
    }
    assert [(event.name, dict(event.attributes or {})) for event in span.events] == [
        ("decision_point", {"chosen": "a", "decision.score": 0.5}),
        ("note", {"number": 1}),
    ]


def test_an_exception_is_recorded_and_goes_on(spans: Spans) -> None:
    with pytest.raises(ValueError, match="wrong"), operation("outer"), layer("inner"):
        raise ValueError("wrong")
    for name in ("inner", "outer"):
        span = spans.one(name)
        assert span.status.status_code is StatusCode.ERROR
        assert span.status.description == "ValueError: wrong"
        assert (span.attributes or {})["error.type"] == "ValueError"
        (event,) = span.events
        attributes = event.attributes or {}
        assert event.name == "exception"
        assert attributes["exception.type"] == "ValueError"
        assert attributes["exception.message"] == "wrong"
        assert "test_operation.py" in str(attributes["exception.stacktrace"])


def test_a_huge_traceback_is_cut_in_the_middle(spans: Spans) -> None:
    def deep(n: int) -> None:
        if n:
            deep_other(n - 1)
        else:
            raise RuntimeError("x" * 1_000_000)

    def deep_other(n: int) -> None:
        deep(n)

    with pytest.raises(RuntimeError), operation("work"):
        deep(300)
    (event,) = spans.one().events
    attributes = event.attributes or {}
    assert len(str(attributes["exception.stacktrace"])) < 33_000
    assert "characters cut" in str(attributes["exception.stacktrace"])
    assert len(str(attributes["exception.message"])) < 8_300


class _UnreadableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no message for you")


def test_an_exception_whose_message_fails_is_recorded_all_the_same(spans: Spans) -> None:
    with pytest.raises(_UnreadableError), operation("work"):
        raise _UnreadableError
    span = spans.one()
    assert span.status.status_code is StatusCode.ERROR
    assert "_UnreadableError" in str(span.status.description)


@pytest.mark.parametrize("error", [asyncio.CancelledError("stop"), KeyboardInterrupt(), GeneratorExit()])
def test_a_cancellation_is_no_error(spans: Spans, error: BaseException) -> None:
    with pytest.raises(type(error)), operation("work"):
        raise error
    span = spans.one()
    assert span.status.status_code is StatusCode.UNSET
    assert (span.attributes or {})["spantail.status"] == "cancelled"
    assert [event.name for event in span.events] == ["cancelled"]
    assert (span.events[0].attributes or {})["spantail.reason"] == (span.attributes or {})["spantail.reason"]


@pytest.mark.parametrize(("code", "status"), [(0, StatusCode.UNSET), (None, StatusCode.UNSET), (3, StatusCode.ERROR)])
def test_sys_exit_is_an_error_only_with_a_code(spans: Spans, code: int | None, status: StatusCode) -> None:
    with pytest.raises(SystemExit), operation("work"):
        raise SystemExit(code)
    assert spans.one().status.status_code is status


def test_skip_and_cancel_mark_the_span(spans: Spans) -> None:
    with operation("skipped") as scope:
        scope.skip("nothing to do")
    with operation("cancelled") as scope:
        scope.cancel("the user said so")
    assert (spans.one("skipped").attributes or {})["spantail.status"] == "skipped"
    assert (spans.one("skipped").attributes or {})["spantail.reason"] == "nothing to do"
    assert (spans.one("cancelled").attributes or {})["spantail.status"] == "cancelled"


def test_an_error_outranks_skip_but_not_cancel(spans: Spans) -> None:
    def fail_after(name: str, mark: Callable[[Scope, str], None]) -> None:
        with operation(name) as scope:
            mark(scope, "reason")
            raise ValueError("late")

    for name, mark in (("skip", Scope.skip), ("cancel", Scope.cancel)):
        with pytest.raises(ValueError, match="late"):
            fail_after(name, mark)
    assert spans.one("skip").status.status_code is StatusCode.ERROR
    assert "spantail.status" not in (spans.one("skip").attributes or {})
    assert spans.one("cancel").status.status_code is StatusCode.UNSET
    assert (spans.one("cancel").attributes or {})["spantail.status"] == "cancelled"


async def test_async_with_and_task_cancellation(spans: Spans) -> None:
    entered = asyncio.Event()

    async def work() -> None:
        async with operation("outer"), layer("inner"):
            entered.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [(span.attributes or {})["spantail.status"] for span in spans.all()] == ["cancelled", "cancelled"]
    assert spans.tree() == {"inner": "outer", "outer": None}


async def test_concurrent_tasks_keep_their_own_parents(spans: Spans) -> None:
    async def work(n: int) -> None:
        async with layer(f"task {n}"):
            await asyncio.sleep(0)
            with phase(f"step {n}"):
                await asyncio.sleep(0)

    with operation("all"):
        await asyncio.gather(*(work(n) for n in range(10)))
    tree = spans.tree()
    assert all(tree[f"step {n}"] == f"task {n}" and tree[f"task {n}"] == "all" for n in range(10))


def test_threads_take_the_context_along(spans: Spans) -> None:
    def work(n: int) -> None:
        with layer(f"thread {n}"):
            pass

    with operation("all"), ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(contextvars.copy_context().run, work, n) for n in range(4)]
        for future in futures:
            future.result(timeout=10)
        pool.submit(work, 99).result(timeout=10)
    tree = spans.tree()
    assert {tree[f"thread {n}"] for n in range(4)} == {"all"}
    assert tree["thread 99"] is None


def test_one_object_can_be_used_again(spans: Spans) -> None:
    scope = operation("again")
    ids = set()
    for _ in range(3):
        with scope as used:
            assert used is scope
            ids.add(used.span_id)
    assert len(ids) == len(spans.all()) == 3


def test_one_object_used_inside_itself_makes_two_spans(spans: Spans) -> None:
    scope = operation("same")
    with scope as outer, scope as inner:
        assert outer is not inner
        assert inner.span_id != outer.span_id
        assert current_run_id() == outer.run_id
    first, second = spans.all()
    assert first.parent is not None
    assert second.context is not None
    assert first.parent.span_id == second.context.span_id
    assert second.parent is None
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_one_object_used_by_many_threads_makes_a_span_each(spans: Spans, caplog: pytest.LogCaptureFixture) -> None:
    scope = operation("shared")
    barrier = threading.Barrier(8, timeout=10)

    def work(n: int) -> str:
        with scope as mine:
            barrier.wait()
            mine.set("n", n)
            with phase(f"step {n}"):
                barrier.wait()
            return mine.span_id

    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(work, range(8)))
    assert len(set(ids)) == 8
    shared = {
        (span.attributes or {})["n"]: span.context.span_id
        for span in spans.all()
        if span.name == "shared" and span.context
    }
    assert [f"{shared[n]:016x}" for n in range(8)] == ids
    for n in range(8):
        parent = spans.one(f"step {n}").parent
        assert parent is not None
        assert parent.span_id == shared[n]
    assert not caplog.records


async def test_one_object_used_by_many_tasks_makes_a_span_each(spans: Spans, caplog: pytest.LogCaptureFixture) -> None:
    scope = operation("shared")

    async def work(n: int) -> None:
        async with scope as mine:
            await asyncio.sleep(0)
            mine.set("n", n)
            await asyncio.sleep(0.001 * (n % 3))

    await asyncio.gather(*(work(n) for n in range(9)))
    assert sorted((span.attributes or {})["n"] for span in spans.all()) == list(range(9))  # type: ignore[type-var]
    assert not caplog.records


async def test_one_object_used_again_deep_inside_its_ended_use(spans: Spans) -> None:
    outer, inner = operation("outer"), layer("inner")
    go_on = asyncio.Event()

    async def background() -> None:
        with inner:
            await go_on.wait()
            with outer, inner, outer:  # the way out leads past uses of the same objects that have ended
                assert trace.get_current_span() is not trace.INVALID_SPAN
        assert trace.get_current_span() is not trace.INVALID_SPAN

    with outer:
        task = asyncio.create_task(background())
        await asyncio.sleep(0)
    go_on.set()
    await asyncio.wait_for(task, 10)
    assert len(spans.all()) == 5
    assert len({span.context.span_id for span in spans.all() if span.context}) == 5


async def test_tasks_that_start_the_next_from_inside_keep_nothing_of_the_past(spans: Spans) -> None:
    seen: list[weakref.ref[Scope]] = []
    done = asyncio.Event()
    tasks = []

    async def tick(left: int) -> None:
        with operation(f"tick {left}") as scope:
            seen.append(weakref.ref(scope))
            if left:
                tasks.append(asyncio.create_task(tick(left - 1)))
            else:
                done.set()

    tasks.append(asyncio.create_task(tick(20)))
    await asyncio.wait_for(done.wait(), 10)
    gc.collect()
    assert sum(reference() is not None for reference in seen) <= 3
    await asyncio.gather(*tasks)
    assert len(spans.all()) == 21


def test_several_uses_ended_in_other_contexts_all_end(spans: Spans) -> None:
    scope = operation("shared")
    for _ in range(3):
        contextvars.copy_context().run(scope.__enter__)
    for _ in range(3):
        scope.__exit__(None, None, None)
    scope.__exit__(None, None, None)
    assert len(spans.all()) == 3


def test_ending_in_another_context_changes_nothing_there(spans: Spans, caplog: pytest.LogCaptureFixture) -> None:
    scope = operation("moved")
    contextvars.copy_context().run(scope.__enter__)
    with layer("here"):
        before = otel_context.get_current()
        scope.__exit__(None, None, None)
        assert otel_context.get_current() is before
    assert spans.tree() == {"moved": None, "here": None}
    assert not caplog.records


def test_a_left_scope_is_silent(spans: Spans, caplog: pytest.LogCaptureFixture) -> None:
    with operation("work") as scope:
        pass
    scope.set("late", 1)
    scope.event("late")
    scope.progress(1)
    scope.__exit__(None, None, None)
    assert spans.one().attributes == {"spantail.kind": "operation"}
    assert not caplog.records


def test_everything_works_without_any_provider(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    with operation("work", root=True) as scope, layer("inner"):
        scope.set("key", "value")
        scope.event("event")
        scope.progress(1, 2)
        assert current_run_id() is None
        assert scope.run_id == "0" * 32
    with pytest.raises(ValueError, match="out"), operation("work"):
        raise ValueError("out")
    assert not caplog.records


class _Hostile:
    def __str__(self) -> str:
        raise RuntimeError("hostile")

    __repr__ = __str__

    def __len__(self) -> int:
        raise RuntimeError("hostile")


@pytest.mark.parametrize(
    "value", [_Hostile(), [_Hostile()], {"a": _Hostile()}, {_Hostile(): 1}, "\ud800", 2**80, object()]
)
def test_no_value_raises_into_the_application(spans: Spans, value: Any) -> None:
    with operation("work", attributes={"start": value, "good": 1}) as scope:
        scope.set("later", value)
        scope.event("event", key=value)
        scope.progress(value, value, value)
        scope.skip(value if isinstance(value, str) else "reason")
    attributes = spans.one().attributes or {}
    assert attributes["good"] == 1
    for text in attributes.values():
        if isinstance(text, str):
            text.encode()


class _Broken(SpanProcessor):
    def __init__(self, *failing: str) -> None:
        self._failing = failing

    def on_start(self, *_: Any, **__: Any) -> None:
        self._maybe("start")

    def on_end(self, *_: Any) -> None:
        self._maybe("end")

    def _maybe(self, step: str) -> None:
        if step in self._failing:
            raise RuntimeError(f"broken {step}")


@pytest.mark.parametrize("failing", [("start",), ("end",), ("start", "end")])
def test_a_processor_that_raises_does_not_reach_the_application(
    spans: Spans, caplog: pytest.LogCaptureFixture, failing: tuple[str, ...]
) -> None:
    spans.provider.add_span_processor(_Broken(*failing))
    for _ in range(3):
        with operation("work") as scope:
            scope.set("key", 1)
        assert current_run_id() is None
    assert {record.name for record in caplog.records} == {"spantail.instrumentation"}


def test_what_is_inside_a_span_that_did_not_start_hangs_under_the_span_outside(spans: Spans) -> None:
    broken = _Broken()
    spans.provider.add_span_processor(broken)
    with operation("outer"):
        broken._failing = ("start",)
        with operation("lost") as lost:
            broken._failing = ()
            with layer("inner"):
                pass
            assert not lost.span.is_recording()
    assert spans.tree() == {"inner": "outer", "outer": None}


def test_links_and_attributes_of_the_wrong_kind_are_left_out(spans: Spans) -> None:
    wrong: Any = [5, None, "text"]
    with operation("work", links=wrong, attributes=wrong), layer("inner", attributes=wrong):
        pass
    assert spans.tree() == {"inner": "work", "work": None}
    assert list(spans.one("work").links) == []


_NAMED: dict[Any, dict[str, Any]] = {
    spantail.llm_call: {"backend": "langchain", "model": "gpt-4o-mini"},
    spantail.llm_group: {},
    **{opened: {"name": "work"} for opened in (operation, pipeline, layer, phase, subphase, tool, retrieval)},
}


def _unwilling(*_: object) -> Any:
    raise RuntimeError("not for others")


class _Unwilling:
    """It has no truth value, as an array has none, no hash and no text."""

    __bool__ = __str__ = __repr__ = __hash__ = __eq__ = __iter__ = __len__ = __format__ = _unwilling


class _UnwillingText(str):
    __slots__ = ()
    __len__ = isascii = _unwilling


class _UnwillingNumber(int):
    __lt__ = __gt__ = __ge__ = __int__ = _unwilling


@pytest.mark.parametrize("opened", _NAMED, ids=lambda opened: str(opened.__name__))
def test_an_argument_of_any_kind_does_no_harm(spans: Spans, monkeypatch: pytest.MonkeyPatch, opened: Any) -> None:
    monkeypatch.setenv(CAPTURE_CONTENT_VARIABLE, "true")
    endless: list[Any] = []
    endless.append(endless)
    odd = [
        None,
        5,
        -1.5,
        True,
        2**70,
        float("nan"),
        "",
        "\ud800",
        b"x",
        [],
        [None],
        {},
        {5: []},
        (1, 2),
        object(),
        endless,
        _Unwilling(),
        _UnwillingText("x"),
        _UnwillingNumber(5),
    ]
    for name in inspect.signature(opened).parameters:
        for value in odd:
            with opened(**{**_NAMED[opened], name: value}) as scope:
                pass
            assert not scope.span.is_recording(), "it has ended"
    with opened(**_NAMED[opened]) as scope:
        for method in (scope.__getattribute__(name) for name in dir(scope) if not name.startswith("_")):
            named = inspect.signature(method).parameters.values() if callable(method) else ()
            wanted = {one.name: "x" for one in named if one.default is one.empty and one.kind is not one.VAR_KEYWORD}
            for one in named:
                if one.kind in {one.KEYWORD_ONLY, one.POSITIONAL_OR_KEYWORD}:
                    for value in odd:
                        method(**{**wanted, one.name: value})
    assert not scope.span.is_recording()
    assert len(spans.all()) == 1 + len(odd) * len(inspect.signature(opened).parameters)


def test_layers_are_words_one_alone_too(spans: Spans) -> None:
    given: Any = ["fetch", "rank"]
    for layers, kept in (
        (given, ("fetch", "rank")),
        (iter(given), ("fetch", "rank")),
        ("fetch", ("fetch",)),
        ("", None),
    ):
        with operation("work", layers=layers) as scope:
            pass
        assert dict(scope.span.attributes or {}).get("spantail.layers") == kept  # type: ignore[attr-defined]


def test_an_unsampled_scope_is_silent(spans: Spans, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spans.provider, "sampler", ALWAYS_OFF)
    with operation("work") as scope:
        assert not scope.span.is_recording()
        scope.set("key", _Hostile())
        with layer("inner"):
            pass
    assert spans.all() == []

"""Scopes as decorators: functions, coroutines, generators and asynchronous generators."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import gc
import inspect
import logging
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import StatusCode

from spantail.scopes.operation import current_run_id, layer, operation, phase

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Iterator

    from opentelemetry.sdk.trace import ReadableSpan

    from tests.unit.otel.conftest import Spans


@pytest.fixture(autouse=True)
def _context_is_left_as_it_was(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No test may leave a context behind, nor have OpenTelemetry log that one was detached elsewhere."""
    before = otel_context.get_current()
    yield
    assert otel_context.get_current() == before
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def _status(span: ReadableSpan) -> str | None:
    value = (span.attributes or {}).get("spantail.status")
    return value if isinstance(value, str) else None


@operation("add")
def add(left: int, right: int = 1) -> int:
    """Add."""
    return left + right


def test_a_function_keeps_its_name_types_and_result(spans: Spans) -> None:
    result: int = add(1, right=2)
    assert result == 3
    assert add.__name__ == "add"
    assert add.__doc__ == "Add."
    assert inspect.signature(add).parameters.keys() == {"left", "right"}
    assert spans.one().name == "add"


def test_each_call_is_a_span_even_in_recursion(spans: Spans) -> None:
    @operation("countdown")
    def countdown(n: int) -> int:
        return countdown(n - 1) if n else 0

    assert countdown(3) == 0
    assert len(spans.all()) == 4
    parents = [span.parent.span_id if span.parent else None for span in spans.all()]
    own = [span.context.span_id for span in spans.all() if span.context]
    assert parents == [*own[1:], None]


def test_without_a_name_the_function_gives_it(spans: Spans) -> None:
    class Search:
        @operation
        def run(self) -> str:
            return "ran"

        @operation()
        @staticmethod
        def static() -> str:
            return "static"

        @operation()
        @classmethod
        def of_class(cls) -> str:
            return cls.__name__

    search = Search()
    assert (search.run(), search.static(), search.of_class()) == ("ran", "static", "Search")
    assert [span.name.rpartition(".")[2] for span in spans.all()] == ["run", "static", "of_class"]
    assert "Search.run" in spans.all()[0].name


async def test_a_coroutine_function_spans_its_whole_run(spans: Spans) -> None:
    @operation("fetch")
    async def fetch(n: int) -> int:
        with layer(f"before {n}"):
            await asyncio.sleep(0)
        with layer(f"after {n}"):
            return n

    assert inspect.iscoroutinefunction(fetch)
    assert await asyncio.gather(*(fetch(n) for n in range(3))) == [0, 1, 2]
    assert [span.name for span in spans.all()].count("fetch") == 3
    assert {parent for name, parent in spans.tree().items() if name != "fetch"} == {"fetch"}


async def test_callable_objects_and_partials_count_as_what_they_call(spans: Spans) -> None:
    class Call:
        async def __call__(self, text: str) -> str:
            await asyncio.sleep(0)
            return f"{text} {current_run_id()}"

    async def say(left: str, right: str) -> str:
        await asyncio.sleep(0)
        return f"{left}{right} {current_run_id()}"

    decorated = operation("object")(Call())
    assert not (await decorated("x")).endswith("None")
    assert not (await operation("partial")(functools.partial(say, "a"))("b")).endswith("None")
    assert sorted(span.name for span in spans.all()) == ["object", "partial"]


def test_an_error_of_a_decorated_function_is_its_span_s(spans: Spans) -> None:
    @operation("fails")
    def fails() -> None:
        raise LookupError("gone")

    with pytest.raises(LookupError):
        fails()
    assert spans.one().status.status_code is StatusCode.ERROR


# -- generators --


@operation("numbers")
def numbers(count: int) -> Generator[int, int | None, str]:
    for n in range(count):
        with phase(f"step {n}"):
            got = yield n
        if got:
            trace.get_current_span().set_attribute("got", got)
    return "done"


def test_a_generator_is_one_span_that_is_current_only_inside(spans: Spans) -> None:
    assert inspect.isgeneratorfunction(numbers)
    with operation("caller") as caller:
        iteration = numbers(3)
        assert spans.all() == []
        for n in iteration:
            assert trace.get_current_span() is caller.span
            with layer(f"between {n}"):
                pass
    tree = spans.tree()
    assert tree["numbers"] == "caller"
    assert all(tree[f"step {n}"] == "numbers" and tree[f"between {n}"] == "caller" for n in range(3))
    assert _status(spans.one("numbers")) is None


def test_send_throw_and_the_return_value_go_through(spans: Spans) -> None:
    @operation("echo")
    def echo() -> Generator[Any, Any, str]:
        got = yield "first"
        try:
            yield got
        except KeyError as error:
            yield f"caught {error}"
        return "end"

    def outer() -> Generator[Any, Any, str]:
        return (yield from echo())

    generator = outer()
    assert next(generator) == "first"
    assert generator.send("sent") == "sent"
    assert generator.throw(KeyError("thrown")) == "caught 'thrown'"
    with pytest.raises(StopIteration) as stop:
        next(generator)
    assert stop.value.value == "end"
    assert spans.one().status.status_code is StatusCode.UNSET


def test_a_generator_that_fails_is_an_error(spans: Spans) -> None:
    @operation("fails")
    def fails() -> Generator[int, None, None]:
        yield 1
        raise LookupError("gone")

    with pytest.raises(LookupError):
        list(fails())
    assert spans.one().status.status_code is StatusCode.ERROR


def test_a_generator_that_is_closed_ends_cancelled(spans: Spans) -> None:
    iteration = numbers(5)
    assert next(iteration) == 0
    with operation("elsewhere"):
        iteration.close()
        with layer("after"):
            pass
    assert _status(spans.one("numbers")) == "cancelled"
    assert _status(spans.one("step 0")) == "cancelled"
    assert spans.tree() == {"step 0": "numbers", "numbers": None, "after": "elsewhere", "elsewhere": None}


def test_a_generator_that_is_collected_ends_cancelled(spans: Spans) -> None:
    iteration = numbers(5)
    assert next(iteration) == 0
    del iteration
    gc.collect()
    assert _status(spans.one("numbers")) == "cancelled"


def test_a_generator_that_is_never_stepped_is_no_span(spans: Spans) -> None:
    numbers(5).close()
    assert spans.all() == []


def test_interleaved_generators_keep_apart(spans: Spans) -> None:
    @operation("interleaved")
    def one(name: str) -> Generator[str | None, None, None]:
        for _ in range(2):
            yield current_run_id()
        with layer(f"inside {name}"):
            pass

    first, second = one("a"), one("b")
    seen = [(next(first), next(second)) for _ in range(2)]
    assert len({run for pair in seen for run in pair}) == 2
    assert seen[0] == seen[1]
    assert list(first) == list(second) == []
    runs = {span.context.trace_id for span in spans.all() if span.name == "interleaved" and span.context}
    inside = {span.context.trace_id for span in spans.all() if span.name.startswith("inside") and span.context}
    assert runs == inside
    assert len(runs) == 2


# -- asynchronous generators --


@operation("stream")
async def stream(count: int) -> AsyncGenerator[int, str | None]:
    for n in range(count):
        await asyncio.sleep(0)
        with phase(f"step {n}"):
            yield n


async def test_an_async_generator_is_one_span_that_is_current_only_inside(spans: Spans) -> None:
    assert inspect.isasyncgenfunction(stream)
    with operation("caller") as caller:
        async for n in stream(3):
            assert trace.get_current_span() is caller.span
            with layer(f"between {n}"):
                await asyncio.sleep(0)
    tree = spans.tree()
    assert tree["stream"] == "caller"
    assert all(tree[f"step {n}"] == "stream" and tree[f"between {n}"] == "caller" for n in range(3))


async def test_asend_and_athrow_go_through(spans: Spans) -> None:
    @operation("echo")
    async def echo() -> AsyncGenerator[Any, Any]:
        got = yield "first"
        try:
            yield got
        except KeyError as error:
            yield f"caught {error}"

    generator = echo()
    assert await anext(generator) == "first"
    assert await generator.asend("sent") == "sent"
    assert await generator.athrow(KeyError("thrown")) == "caught 'thrown'"
    with pytest.raises(StopAsyncIteration):
        await anext(generator)
    assert spans.one().status.status_code is StatusCode.UNSET


async def test_an_async_generator_that_fails_is_an_error(spans: Spans) -> None:
    @operation("fails")
    async def fails() -> AsyncGenerator[int, None]:
        yield 1
        raise LookupError("gone")

    with pytest.raises(LookupError):
        async for _ in fails():
            pass
    assert spans.one().status.status_code is StatusCode.ERROR


async def test_an_async_generator_that_is_closed_ends_cancelled(spans: Spans) -> None:
    iteration = stream(5)
    assert await anext(iteration) == 0
    await iteration.aclose()
    assert _status(spans.one("stream")) == "cancelled"
    assert current_run_id() is None


def test_an_async_generator_that_is_collected_ends_cancelled(spans: Spans) -> None:
    async def abandon() -> None:
        with operation("caller"):
            async for _ in stream(5):
                break
            gc.collect()
            await asyncio.sleep(0)  # the loop closes it in a task of its own
            await asyncio.sleep(0)

    asyncio.run(abandon())
    assert _status(spans.one("stream")) == "cancelled"
    assert _status(spans.one("caller")) is None
    assert spans.tree()["stream"] == "caller"


async def test_a_task_cancelled_within_a_step_ends_the_span_cancelled(spans: Spans) -> None:
    waiting = asyncio.Event()

    @operation("waits")
    async def waits() -> AsyncGenerator[int, None]:
        waiting.set()
        await asyncio.Event().wait()
        yield 1

    async def consume() -> None:
        async for _ in waits():
            pass

    task = asyncio.create_task(consume())
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert _status(spans.one("waits")) == "cancelled"


def test_a_coroutine_destroyed_in_mid_step_leaves_other_contexts_alone(spans: Spans) -> None:
    class Pause:
        def __await__(self) -> Generator[None, None, None]:
            yield

    @operation("waits")
    async def waits() -> AsyncGenerator[int, None]:
        await Pause()
        yield 1

    async def consume() -> None:
        async for _ in waits():
            pass

    coroutine = consume()
    contextvars.copy_context().run(coroutine.send, None)
    with operation("elsewhere") as elsewhere:
        coroutine.close()
        assert trace.get_current_span() is elsewhere.span
    assert _status(spans.one("waits")) == "cancelled"

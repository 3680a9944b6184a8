"""How a scope decorates functions: plain, coroutine, generator and asynchronous generator functions.

A generator runs in its caller's context, one step at a time. The span is open from the first step to the last,
but it is current only while a step runs; between steps the caller has its own context back. Contexts are put
back by value and never by token, because a generator may be closed from another context or thread, where a
token is refused.
"""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, Protocol, Self

from opentelemetry import context as otel_context

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
    from types import TracebackType

    from opentelemetry.context import Context


class Openable(Protocol):
    """What a decorator needs of a scope; each call of a decorated function gets one of its own."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None, /
    ) -> None: ...

    def begin(self) -> Context:
        """Start the span; return the context in which it is current."""

    def finish(self, error: BaseException | None = None) -> None:
        """End the span; `error` is what ended the work."""

    def is_current(self) -> bool:
        """Tell whether the scope, or one inside it, is current here."""


class _Step:
    """Makes the context of an iteration current for one step, and the caller's own afterwards."""

    __slots__ = ("_body", "_caller", "_scope")

    def __init__(self, scope: Openable) -> None:
        self._scope = scope
        self._body = scope.begin()
        self._caller: Context | None = None

    def __enter__(self) -> None:
        self._caller = otel_context.get_current()
        otel_context.attach(self._body)

    def __exit__(self, exc_type: type[BaseException] | None, *_: object) -> None:
        # A suspended step that the garbage collector destroys ends in whatever context that runs in,
        # which is not ours to change.
        if exc_type is GeneratorExit and not self._scope.is_current():
            return
        # the body may have opened a span that stays open over the yield
        self._body = otel_context.get_current()
        if self._caller is not None:
            otel_context.attach(self._caller)
            self._caller = None


def _decorate_generator(function: Callable[..., Any], new_scope: Callable[[], Openable]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        generator: Generator[Any, Any, Any] = function(*args, **kwargs)
        scope = new_scope()
        step = _Step(scope)
        resume = functools.partial(generator.send, None)
        failure: BaseException | None = None
        try:
            while True:
                with step:
                    item = resume()
                try:
                    sent = yield item
                except GeneratorExit:
                    with step:
                        generator.close()
                    raise
                except BaseException as thrown:
                    resume = functools.partial(generator.throw, thrown)
                else:
                    resume = functools.partial(generator.send, sent)
        except StopIteration as stop:
            return stop.value
        except BaseException as error:
            failure = error
            raise
        finally:
            scope.finish(failure)
            del failure  # else the frame and its own exception keep each other alive

    return wrapper


def _decorate_async_generator(function: Callable[..., Any], new_scope: Callable[[], Openable]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        generator: AsyncGenerator[Any, Any] = function(*args, **kwargs)
        scope = new_scope()
        step = _Step(scope)
        resume: Callable[[], Awaitable[Any]] = functools.partial(generator.asend, None)
        failure: BaseException | None = None
        try:
            while True:
                with step:
                    item = await resume()
                try:
                    sent = yield item
                except GeneratorExit:
                    with step:
                        await generator.aclose()
                    raise
                except BaseException as thrown:
                    resume = functools.partial(generator.athrow, thrown)
                else:
                    resume = functools.partial(generator.asend, sent)
        except StopAsyncIteration:
            return
        except BaseException as error:
            failure = error
            raise
        finally:
            scope.finish(failure)
            del failure

    return wrapper


def _is_kind(function: Callable[..., Any], predicate: Callable[[Any], bool]) -> bool:
    """Tell whether `function`, or the `__call__` of a callable object, is of the kind `predicate` asks for."""
    return predicate(function) or predicate(getattr(type(function), "__call__", None))  # noqa: B004


def decorate(function: Callable[..., Any], new_scope: Callable[[], Openable]) -> Callable[..., Any]:
    """Return `function` wrapped so that each call runs in a scope of its own, made by `new_scope`.

    The wrapper is of the same kind as the function. The span of a generator starts with its first step and
    ends when it is exhausted, fails or is closed.
    """
    if _is_kind(function, inspect.isasyncgenfunction):
        return _decorate_async_generator(function, new_scope)
    if _is_kind(function, inspect.isgeneratorfunction):
        return _decorate_generator(function, new_scope)
    if _is_kind(function, inspect.iscoroutinefunction):

        @functools.wraps(function)
        async def coroutine_wrapper(*args: Any, **kwargs: Any) -> Any:
            with new_scope():
                return await function(*args, **kwargs)

        return coroutine_wrapper

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        with new_scope():
            return function(*args, **kwargs)

    return wrapper

"""The public functions that open scopes: `operation()`, `layer()`, `phase()`, `tool()` and their like.

Without `configure()` (or any SDK) every call is a no-op.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, overload

from opentelemetry import trace

from spantail import attributes as keys
from spantail.scopes.run_scope import RunScope
from spantail.scopes.scope import LinkLike, Scope, write_event, write_progress
from spantail.values import words_of

__all__ = [
    "LinkLike",
    "Scope",
    "current_run_id",
    "event",
    "layer",
    "operation",
    "phase",
    "pipeline",
    "progress",
    "retrieval",
    "subphase",
    "tool",
]

F = TypeVar("F", bound=Callable[..., Any])


@overload
def operation(name: F, /) -> F: ...


@overload
def operation(
    name: str | None = None,
    *,
    kind: str = keys.KIND_OPERATION,
    layers: Sequence[str] = (),
    attributes: Mapping[str, object] | None = None,
    root: bool = False,
    links: Sequence[LinkLike] = (),
    session_id: str | None = None,
    user_id: str | None = None,
) -> RunScope: ...


def operation(
    name: str | F | None = None,
    *,
    kind: str = keys.KIND_OPERATION,
    layers: Sequence[str] = (),
    attributes: Mapping[str, object] | None = None,
    root: bool = False,
    links: Sequence[LinkLike] = (),
    session_id: str | None = None,
    user_id: str | None = None,
) -> RunScope | F:
    """Open a unit of work that a user starts or a queue runs.

    Args:
        name: Its name; for a decorator by default the function's qualified name. `@operation` without parentheses
            works too.
        kind: What it counts as, for example `queue`; one of `spantail.attributes.KINDS`.
        layers: The names of the layers to come, in order, so that viewers can show the pending ones.
        attributes: Further attributes of the span.
        root: True starts a new trace, and so a new run, whatever span is current.
        links: The spans it comes from.
        session_id: The user's session.
        user_id: The user.

    Returns:
        A scope, for `with`, `async with` or as a decorator; for `@operation` the decorated function.
    """
    if callable(name):
        return RunScope(None, kind)(name)
    own: dict[str, object] = {
        keys.LAYERS: words_of(layers),
        keys.SESSION_ID: session_id,
        keys.USER_ID: user_id,
    }
    return RunScope(name, kind, own=own, attributes=attributes, root=root, links=links)


def pipeline(
    name: str | None = None,
    *,
    layers: Sequence[str] = (),
    attributes: Mapping[str, object] | None = None,
    root: bool = False,
    links: Sequence[LinkLike] = (),
) -> RunScope:
    """Open a pipeline: work in layers. The arguments are those of `operation()`."""
    return operation(name, kind=keys.KIND_PIPELINE, layers=layers, attributes=attributes, root=root, links=links)


def layer(name: str, *, attributes: Mapping[str, object] | None = None) -> Scope:
    """Open a layer of a pipeline or operation.

    Args:
        name: Its name, by which it has its place in the layer strip.
        attributes: Further attributes of the span.
    """
    return Scope(name, keys.KIND_LAYER, own={keys.LAYER: name}, attributes=attributes)


def phase(name: str | None = None, *, attributes: Mapping[str, object] | None = None) -> Scope:
    """Open a phase, a step of a layer; see `operation()` for the arguments."""
    return Scope(name, keys.KIND_PHASE, attributes=attributes)


def subphase(name: str | None = None, *, attributes: Mapping[str, object] | None = None) -> Scope:
    """Open a subphase, a step of a phase; see `operation()` for the arguments."""
    return Scope(name, keys.KIND_SUBPHASE, attributes=attributes)


def tool(name: str, *, call_id: str | None = None, attributes: Mapping[str, object] | None = None) -> Scope:
    """Open the execution of a tool (GenAI semantic conventions, "Execute tool span").

    Args:
        name: The tool's name.
        call_id: The id that the model gave the call.
        attributes: Further attributes of the span.
    """
    own: dict[str, object] = {
        keys.GEN_AI_OPERATION_NAME: "execute_tool",
        keys.GEN_AI_TOOL_NAME: name,
        keys.GEN_AI_TOOL_CALL_ID: call_id,
    }
    return Scope(name, keys.KIND_TOOL, own=own, attributes=attributes)


def retrieval(name: str | None = None, *, attributes: Mapping[str, object] | None = None) -> Scope:
    """Open a retrieval: a search in a store, a cache or somebody else's data; see `operation()` for the arguments."""
    return Scope(name, keys.KIND_RETRIEVAL, attributes=attributes)


def progress(done: float, total: float | None = None, message: str | None = None) -> None:
    """Record how far the current span is; None leaves the value of before.

    Args:
        done: How much is done, in any unit.
        total: How much there is to do, in the same unit.
        message: What is being done, for a person.
    """
    write_progress(trace.get_current_span(), done, total, message)


def event(name: str, /, **attributes: object) -> None:
    """Add a span event to the current span; viewers see it at once.

    Args:
        name: The event's name.
        **attributes: Its attributes; dotted keys go in as `**{"a.b": 1}`.
    """
    write_event(trace.get_current_span(), name, attributes)


def current_run_id() -> str | None:
    """Return the current run's id (the trace id, 32 lower-case hex digits), or None outside of any span."""
    context = trace.get_current_span().get_span_context()
    return trace.format_trace_id(context.trace_id) if context.is_valid else None

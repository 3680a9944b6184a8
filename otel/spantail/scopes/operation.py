"""The public functions that open scopes: `operation()`, `layer()`, `phase()`, `tool()` and their like.

Without `configure()` (or any SDK) every call is a no-op.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, overload

from opentelemetry import trace

from spantail import attributes as keys
from spantail.scopes.scope import LinkLike, Scope, write_progress

__all__ = [
    "LinkLike",
    "Scope",
    "current_run_id",
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
) -> Scope: ...


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
) -> Scope | F:
    """Open a unit of work that a user starts or a queue runs.

    `name` defaults, for a decorator, to the function's qualified name; `@operation` without parentheses works
    too. `layers` names the layers to come, in order, so that viewers can show the pending ones. `root=True`
    starts a new trace, and so a new run, whatever span is current; `links` are the spans it comes from.
    `session_id` and `user_id` are written when they are given.
    """
    if callable(name):
        return Scope(None, kind)(name)
    own: dict[str, object] = {
        keys.LAYERS: tuple(layers) or None,
        keys.SESSION_ID: session_id,
        keys.USER_ID: user_id,
    }
    return Scope(name, kind, own=own, attributes=attributes, root=root, links=links)


def pipeline(
    name: str | None = None,
    *,
    layers: Sequence[str] = (),
    attributes: Mapping[str, object] | None = None,
    root: bool = False,
    links: Sequence[LinkLike] = (),
) -> Scope:
    """Open a pipeline: work in layers, which `layers` names in order."""
    return operation(name, kind=keys.KIND_PIPELINE, layers=layers, attributes=attributes, root=root, links=links)


def layer(name: str, *, attributes: Mapping[str, object] | None = None) -> Scope:
    """Open a layer of a pipeline or operation; its `name` is its place in the layer strip."""
    return Scope(name, keys.KIND_LAYER, own={keys.LAYER: name}, attributes=attributes)


def phase(name: str | None = None, *, attributes: Mapping[str, object] | None = None) -> Scope:
    """Open a phase, a step of a layer."""
    return Scope(name, keys.KIND_PHASE, attributes=attributes)


def subphase(name: str | None = None, *, attributes: Mapping[str, object] | None = None) -> Scope:
    """Open a subphase, a step of a phase."""
    return Scope(name, keys.KIND_SUBPHASE, attributes=attributes)


def tool(name: str, *, call_id: str | None = None, attributes: Mapping[str, object] | None = None) -> Scope:
    """Open the execution of a tool (GenAI semantic conventions, "Execute tool span")."""
    own: dict[str, object] = {
        keys.GEN_AI_OPERATION_NAME: "execute_tool",
        keys.GEN_AI_TOOL_NAME: name,
        keys.GEN_AI_TOOL_CALL_ID: call_id,
    }
    return Scope(name, keys.KIND_TOOL, own=own, attributes=attributes)


def retrieval(name: str | None = None, *, attributes: Mapping[str, object] | None = None) -> Scope:
    """Open a retrieval: a search in a store, a cache or somebody else's data."""
    return Scope(name, keys.KIND_RETRIEVAL, attributes=attributes)


def progress(done: float, total: float | None = None, message: str | None = None) -> None:
    """Say how far the current span is: `done` of `total`, in any unit; None leaves the value told before."""
    write_progress(trace.get_current_span(), done, total, message)


def current_run_id() -> str | None:
    """Return the current run's id (the trace id, 32 lower-case hex digits), or None outside of any span."""
    context = trace.get_current_span().get_span_context()
    return trace.format_trace_id(context.trace_id) if context.is_valid else None

"""Which scopes are open here: each use of a scope stands in the OpenTelemetry context."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry import context as otel_context
from opentelemetry.context import Context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

USE_KEY: Final = otel_context.create_key("spantail-use")


class Use:
    """One use of a scope, as it stands in the context; it leads to the use around it.

    An object of its own for each use, so that a scope that is used again deep inside of its own, already ended use
    makes no circle. A closed use holds nothing: else a chain of tasks, each started inside the scope of the one before,
    would keep all of them in memory.
    """

    __slots__ = ("outer", "scope")

    def __init__(self, scope: Any, outer: Context) -> None:
        self.scope: Any = scope  # a `Scope`; None once it is closed
        self.outer = outer

    def close(self) -> None:
        """Let go of the scope and of the context around it."""
        self.scope = None
        self.outer = Context()


def innermost_use(accept: Callable[[Any], bool]) -> tuple[Any, Context] | None:
    """Return the innermost open scope of the current context that is accepted, with the context around it."""
    return next(((scope, outer) for scope, outer in open_uses(otel_context.get_current()) if accept(scope)), None)


def open_uses(context: Context) -> Iterator[tuple[Any, Context]]:
    """Yield the open scopes of a context, the innermost first, each with the context around it."""
    use = context.get(USE_KEY)
    while isinstance(use, Use):
        scope, outer = use.scope, use.outer
        if scope is not None:
            yield scope, outer
        use = outer.get(USE_KEY)

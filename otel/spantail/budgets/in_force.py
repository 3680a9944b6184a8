"""Which budgets and reservations are open here: each stands in the OpenTelemetry context, as scopes do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from opentelemetry import context as otel_context

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.context import Context

_KEY: Final = otel_context.create_key("spantail-budget")


class _Entry(NamedTuple):
    opened: Any  # a `Budget` or a `Reservation`
    outer: Context


def entered(opened: object) -> Context:
    """Return the current context with a budget or reservation in force."""
    outer = otel_context.get_current()
    return otel_context.set_value(_KEY, _Entry(opened, outer), outer)


def in_force() -> Iterator[Any]:
    """Yield what is in force in the current context, the innermost first."""
    entry = otel_context.get_value(_KEY)
    while isinstance(entry, _Entry):
        yield entry.opened
        entry = entry.outer.get(_KEY)


def leave(opened: object) -> None:
    """Make that context current again in which `opened` was entered; nothing where it is not in force here."""
    entry = otel_context.get_value(_KEY)
    while isinstance(entry, _Entry):
        if entry.opened is opened:
            otel_context.attach(entry.outer)
            return
        entry = entry.outer.get(_KEY)

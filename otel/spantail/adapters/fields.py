"""The data of an event, read: what the older system called backend, tokens, cost, time and error. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NamedTuple

from spantail.error_text import error_message, error_traceback, error_type

_RESERVED: Final = ("spantail.", "gen_ai.")
"""On a span these names are set by the span itself, never from the data of an event."""

_NESTED: Final = ("metadata", "data")

_COST: Final = ("cost_usd", "cost")
_TOTAL_COST: Final = ("total_cost_usd", "total_cost")
_TOKENS: Final[Mapping[str, tuple[str, ...]]] = {
    "input_tokens": ("input_tokens", "prompt_tokens", "tokens_input", "tokens_in", "input"),
    "output_tokens": ("output_tokens", "completion_tokens", "tokens_output", "tokens_out", "output"),
    "cache_read_tokens": ("cache_read_tokens", "cached_tokens", "cache_read"),
    "cache_write_tokens": ("cache_write_tokens", "cache_write"),
    "reasoning_tokens": ("reasoning_tokens", "reasoning"),
}
_USAGE_MAPS: Final = ("tokens", "usage", "token_usage")
_EVERYDAY: Final = frozenset({"input", "output", "cache_read", "cache_write", "reasoning"})
"""Names of token counts, in a map that holds nothing but counts: beside other fields they mean something else."""

_DURATIONS: Final = (
    ("duration_ms", 1_000_000), ("latency_ms", 1_000_000), ("elapsed_ms", 1_000_000),
    ("duration_s", 1_000_000_000), ("duration_seconds", 1_000_000_000), ("elapsed_s", 1_000_000_000),
    ("elapsed_seconds", 1_000_000_000),
)  # fmt: skip
_LONGEST_NS: Final = 7 * 24 * 3600 * 1_000_000_000


class Failure(NamedTuple):
    """An error as an event reports it; empty where it is not known."""

    type: str
    message: str
    traceback: str


def plain(data: object) -> dict[str, Any]:
    """Return the data of an event as one map: what is nested in `metadata` or `data` stands beside the rest.

    What is no mapping becomes `message`; None and names that are reserved are left out.
    """
    if not isinstance(data, Mapping):
        return {} if data is None else {"message": data}
    fields: dict[str, Any] = {}
    for name, value in data.items():
        if name in _NESTED and isinstance(value, Mapping):
            fields.update({str(inner): each for inner, each in value.items()})
    fields.update((str(name), value) for name, value in data.items() if str(name) not in fields or name not in _NESTED)
    for name in _NESTED:
        if isinstance(fields.get(name), Mapping):
            del fields[name]
    return {name: value for name, value in fields.items() if value is not None and not name.startswith(_RESERVED)}


def take_text(fields: dict[str, Any], *names: str) -> str:
    """Take the first of several names out of `fields`, as text; empty where none is there."""
    for name in names:
        if isinstance(value := fields.get(name), str | int) and not isinstance(value, bool) and value != "":
            return str(fields.pop(name))
    return ""


def cost_in(fields: Mapping[str, Any], *, total: bool = False) -> Decimal | None:
    """Return the cost in USD in an event; None where there is none, or it is not a valid amount.

    Args:
        fields: The event's data.
        total: Whether a sum is meant too: `total_cost_usd`.
    """
    for name in (*_COST, *(_TOTAL_COST if total else ())):
        value = fields.get(name)
        if isinstance(value, str | int | float | Decimal) and not isinstance(value, bool):
            try:
                amount = Decimal(str(value))
            except InvalidOperation:
                continue
            if amount.is_finite() and amount >= 0:
                return amount
    return None


def take_tokens(fields: dict[str, Any]) -> dict[str, int]:
    """Take the token counts out of `fields`, by the names of the arguments of `LlmCall.usage`."""
    counts: dict[str, int] = {}
    for name in _USAGE_MAPS:
        if isinstance(nested := fields.get(name), Mapping):
            _read_counts(nested, counts, everyday=True)
            del fields[name]
    for name in _read_counts(fields, counts, everyday=False):
        del fields[name]
    return counts


def _read_counts(source: Mapping[str, Any], counts: dict[str, int], *, everyday: bool) -> list[str]:
    read = []
    for argument, names in _TOKENS.items():
        for name in names:
            if name in _EVERYDAY and not everyday:
                continue
            value = source.get(name)
            if isinstance(value, int) and not isinstance(value, bool):
                counts.setdefault(argument, value)
                read.append(name)
    return read


def duration_ns(fields: Mapping[str, Any]) -> int | None:
    """Return how long something took, in nanoseconds; None where the event does not say it."""
    for name, scale in _DURATIONS:
        value = fields.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return min(max(int(value * scale), 0), _LONGEST_NS)
    return None


def take_failure(fields: dict[str, Any]) -> Failure:
    """Take what an event tells of an error out of `fields`: a text, an exception, or a map of type and message."""
    said = fields.pop("error", None)
    if said is None:
        said = fields.pop("exception", None)
    kind = take_text(fields, "error_type", "exception_type")
    trace = take_text(fields, "traceback", "stack_trace", "stacktrace", "error_traceback")
    if isinstance(said, BaseException):
        return Failure(kind or error_type(said), error_message(said), trace or error_traceback(said))
    if isinstance(said, Mapping):
        return Failure(
            kind or str(said.get("type") or ""),
            str(said.get("message") or ""),
            trace or str(said.get("traceback") or ""),
        )
    message = str(said) if said is not None else take_text(fields, "error_message", "reason", "message")
    return Failure(kind, message, trace)

"""A stored span as far as a comparison looks at it: small, for two runs of 100,000 are held at once. Pure."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from spantail import attributes as key
from spantail_exporters.model.rules.wrapping import has_account

if TYPE_CHECKING:
    from collections.abc import Mapping

INPUT: Final = ("gen_ai.system_instructions", key.GEN_AI_INPUT_MESSAGES, "gen_ai.tool.call.arguments")
OUTPUT: Final = ("gen_ai.output.messages", "gen_ai.tool.call.result")
_LONGEST_ERROR: Final = 300


class Figures(NamedTuple):
    """What LLM calls came to: nano-USD, tokens, and how many of them have a price and how many have none."""

    cost_nano: int = 0
    input: int = 0
    output: int = 0
    priced: int = 0
    unpriced: int = 0

    def plus(self, other: Figures) -> Figures:
        """The sum of both."""
        return Figures(*map(sum, zip(self, other, strict=True)))


NOTHING: Final = Figures()


class ComparedSpan(NamedTuple):
    """One span of one run. Times are microseconds since the epoch; None is unknown."""

    span_id: str
    parent_id: str | None
    name: str
    kind: str
    status: str
    start: int
    end: int | None
    backend: str | None
    model: str | None
    fallback_from: str | None
    fallback_reason: str | None
    error: str | None
    figures: Figures | None
    """What it came to by itself; None for a span without an account."""
    input: bytes | None
    """Digest of what it was given: prompt, arguments; None where that was not kept."""
    output: bytes | None

    @property
    def label(self) -> tuple[str, str]:
        """What it has in common with its counterpart: kind, and name without the model that the name may end with."""
        operation, _, named = self.name.partition(" ")
        model = self.model
        if named and model and self.kind == key.KIND_LLM_CALL and (named.startswith(model) or model.startswith(named)):
            return self.kind, operation
        return self.kind, self.name


def read(state: bytes) -> ComparedSpan | None:
    """Read a stored state; None for what is none."""
    try:
        span = orjson.loads(state)
    except ValueError:
        return None
    if not isinstance(span, dict):
        return None
    get, attributes = span.get, span.get("attributes") or {}
    error = get("error") or {}
    return ComparedSpan(
        span_id=get("span_id", ""),
        parent_id=get("parent_id"),
        name=get("name") or "",
        kind=get("kind") or "span",
        status=get("status") or "running",
        start=get("start") or 0,
        end=get("end"),
        backend=get("backend"),
        model=get("model"),
        fallback_from=get("fallback_from"),
        fallback_reason=get("fallback_reason"),
        error=_cut(error.get("message") or error.get("type")),
        figures=_figures(span),
        input=_digest(attributes, INPUT),
        output=_digest(attributes, OUTPUT),
    )


def _cut(text: str | None) -> str | None:
    return text if text is None or len(text) <= _LONGEST_ERROR else f"{text[:_LONGEST_ERROR]}…"


def _figures(span: Mapping[str, Any]) -> Figures | None:
    if not has_account(span):
        return None
    account = span if span.get("kind") == key.KIND_LLM_CALL else span["account"]
    tokens = account.get("tokens") or {}
    cost = account.get("cost_nano")
    return Figures(
        cost or 0,
        tokens.get("input", 0),
        tokens.get("output", 0),
        int(cost is not None),
        int(cost is None and bool(tokens)),
    )


def _digest(attributes: Mapping[str, Any], names: tuple[str, ...]) -> bytes | None:
    found = [attributes[name] for name in names if name in attributes]
    return blake2b(orjson.dumps(found), digest_size=8).digest() if found else None

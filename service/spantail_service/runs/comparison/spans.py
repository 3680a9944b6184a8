"""The spans of a run as far as a comparison looks at them: as columns, for two runs of 100,000 are held at once. Pure.

An object for each span, with lists and tuples of its own, would cost the garbage collector more than all the rest.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from spantail import attributes as key
from spantail_exporters.model.rules.wrapping import has_account
from spantail_service.runs.snapshot import flat_attributes

if TYPE_CHECKING:
    from collections.abc import Mapping

INPUT: Final = ("gen_ai.system_instructions", key.GEN_AI_INPUT_MESSAGES, "gen_ai.tool.call.arguments")
OUTPUT: Final = ("gen_ai.output.messages", "gen_ai.tool.call.result")
_CONTENT: Final = re.compile("|".join(f'"{re.escape(name)}":' for name in (*INPUT, *OUTPUT)).encode())
_LONGEST_ERROR: Final = 300


class Figures(NamedTuple):
    """What LLM calls came to: nano-USD, tokens, and how many of them have a price and how many have none."""

    cost_nano: int = 0
    input: int = 0
    output: int = 0
    priced: int = 0
    unpriced: int = 0


NOTHING: Final = Figures()

Label = tuple[str, str]
"""What a span has in common with its counterpart: kind, and name without the model that the name may end with."""

Traits = tuple[
    Label, str, str | None, str | None, str | None, tuple[int, int, int, int, int] | None, bytes | None, bytes | None
]
"""What two counterparts are compared by: label, status, backend, model, error, what it came to by itself (`Figures`;
None for a span without an account), and digests of what it was given and what it gave (None where that was not kept).
"""

LABEL: Final = 0
STATUS: Final = 1
BACKEND: Final = 2
MODEL: Final = 3
ERROR: Final = 4
FIGURES: Final = 5
CONTENTS: Final = (("input", 6), ("output", 7))


class Shared:
    """Labels and traits that are alike are one object, in both runs: most spans have those of many others."""

    def __init__(self) -> None:
        self.labels: dict[Label, Label] = {}
        self.traits: dict[Traits, Traits] = {}


class ComparedSpans:
    """The spans of one run, each by its place in the lists. Times are microseconds since the epoch; None is unknown."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self.place_of: dict[str, int] = {}
        """By span id."""
        self.ids: list[str] = []
        self.parent_ids: list[str | None] = []
        self.names: list[str] = []
        self.starts: list[int] = []
        self.ends: list[int | None] = []
        self.traits: list[Traits] = []
        self.fallbacks: dict[int, tuple[str | None, str | None]] = {}
        """From which backend, and why; of the spans that were one."""

    def __len__(self) -> int:
        return len(self.ids)

    def add(self, state: bytes) -> None:
        """Read a stored state. What is none is left out; of two states of a span the later one counts."""
        at = flat_attributes(state)
        if at > 0 and _CONTENT.search(state, at) is None:
            state = state[:at] + b"}"  # nothing in them is looked at
        try:
            span = orjson.loads(state)
        except ValueError:
            return
        if not isinstance(span, dict):
            return
        get = span.get
        span_id, start = get("span_id", ""), get("start") or 0
        place = self.place_of.setdefault(span_id, len(self.ids))
        if place == len(self.ids):
            self.ids.append(span_id)
            self.parent_ids.append(get("parent_id"))
            self.names.append(get("name") or "")
            self.starts.append(start)
            self.ends.append(get("end"))
            self.traits.append(self._traits(span))
        else:
            self.parent_ids[place], self.names[place] = get("parent_id"), get("name") or ""
            self.starts[place], self.ends[place] = start, get("end")
            self.traits[place] = self._traits(span)
            self.fallbacks.pop(place, None)
        if "fallback_from" in span or "fallback_reason" in span:
            self.fallbacks[place] = get("fallback_from"), get("fallback_reason")

    def _traits(self, span: Mapping[str, Any]) -> Traits:
        get = span.get
        label = _label(get("kind") or "span", get("name") or "", get("model"))
        label = self._shared.labels.setdefault(label, label)
        attributes, error = get("attributes"), get("error")
        traits: Traits = (
            label,
            get("status") or "running",
            get("backend"),
            get("model"),
            _cut(error.get("message") or error.get("type")) if error else None,
            _figures(span),
            _digest(attributes, INPUT) if attributes else None,
            _digest(attributes, OUTPUT) if attributes else None,
        )
        return self._shared.traits.setdefault(traits, traits)


def _label(kind: str, name: str, model: str | None) -> Label:
    if model and kind == key.KIND_LLM_CALL:
        operation, _, named = name.partition(" ")
        if named and (named.startswith(model) or model.startswith(named)):
            return kind, operation
    return kind, name


def _cut(text: str | None) -> str | None:
    return text if text is None or len(text) <= _LONGEST_ERROR else f"{text[:_LONGEST_ERROR]}…"


def _figures(span: Mapping[str, Any]) -> tuple[int, int, int, int, int] | None:
    is_call = span.get("kind") == key.KIND_LLM_CALL
    if not (is_call or "account" in span) or not has_account(span):
        return None
    account = span if is_call else span["account"]
    tokens = account.get("tokens") or {}
    cost = account.get("cost_nano")
    is_priced = cost is not None
    return (
        cost or 0,
        tokens.get("input", 0),
        tokens.get("output", 0),
        int(is_priced),
        int(not is_priced and bool(tokens)),
    )


def _digest(attributes: Mapping[str, Any], names: tuple[str, ...]) -> bytes | None:
    found = [attributes[name] for name in names if name in attributes]
    return blake2b(orjson.dumps(found), digest_size=8).digest() if found else None

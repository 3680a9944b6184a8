"""The event names of the structured logger: which begin and end a step, and what a step is called. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from spantail import attributes as keys

if TYPE_CHECKING:
    from collections.abc import Mapping

START: Final = "start"
COMPLETE: Final = "complete"
ERROR: Final = "error"
SKIP: Final = "skip"
FALLBACK: Final = "fallback"

RANKS: Final = {
    keys.KIND_PIPELINE: 0,
    keys.KIND_LAYER: 1,
    keys.KIND_PHASE: 2,
    keys.KIND_SUBPHASE: 3,
    keys.KIND_LLM_CALL: 4,
}
"""What becomes a span, and what stands inside of what: a higher rank inside a lower one."""

_SPLIT: Final = re.compile(r"(.+)_(start|complete|error|skip|fallback)")


class Name(NamedTuple):
    """An event's name in two parts.

    Attributes:
        subject: What it is about: `layer`, `llm_call`, `ingest`, …
        action: `start`, `complete`, `error`, `skip` or `fallback`; empty for any other event.
    """

    subject: str
    action: str

    @property
    def is_step(self) -> bool:
        """Whether it begins or ends a step that becomes a span."""
        return bool(self.action) and self.subject in RANKS and (self.action != FALLBACK or self.is_llm_call)

    @property
    def is_llm_call(self) -> bool:
        """Whether it tells of an attempt of an LLM call."""
        return bool(self.action) and self.subject == keys.KIND_LLM_CALL


def split_name(event: str) -> Name:
    """Split the name of an event."""
    found = _SPLIT.fullmatch(event)
    return Name(found[1], found[2]) if found else Name(event, "")


def step_labels(kind: str, fields: Mapping[str, object]) -> tuple[str, ...]:
    """Return what an event calls its step, the best name first; empty where it says nothing.

    A layer may be told by number, by name or by both: `{"layer": 2, "layer_name": "pain_point_miner"}`.
    """
    names = (fields.get(name) for name in (f"{kind}_name", "name", kind, f"{kind}_id", f"{kind}_number"))
    return tuple(
        dict.fromkeys(f"{kind} {one}" if isinstance(one, int) else str(one) for one in names if _is_label(one))
    )


def _is_label(value: object) -> bool:
    return not isinstance(value, bool) and (isinstance(value, int) or (isinstance(value, str) and bool(value.strip())))

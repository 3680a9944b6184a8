"""Which spans count in the sums: of LLM calls within each other only the innermost. Pure.

The others are wrappers of a library, which tell the same tokens and cost once more. The run script keeps the marks of
all spans above a call (`scripts/append/wrappers.lua`), the page keeps them in its tree (`counted` in
`frontend/src/tree.ts`); all are held to `tests/golden/rules/wrapping.json`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spantail import attributes as key
from spantail_exporters.model.rules.fold import FINAL, rank

if TYPE_CHECKING:
    from collections.abc import Mapping


def has_account(state: Mapping[str, Any]) -> bool:
    """Whether a span has something to count: an ended LLM call, or a span that says what the calls within it cost."""
    if rank(state.get("status")) != FINAL:
        return False
    return state.get("kind") == key.KIND_LLM_CALL or state.get("account") is not None


def wrappers(spans: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Name the spans that have one with an account below them, and so count nothing themselves.

    Args:
        spans: the state of each span by its id. Parents that are not among them are named too.
    """
    marked: set[str] = set()
    for span_id, state in spans.items():
        if not has_account(state):
            continue
        above = state.get("parent_id")
        if span_id in marked and _is_above_itself(span_id, spans):
            continue  # else none of a circle would count
        while above and above != span_id and above not in marked:
            marked.add(above)
            above = spans.get(above, {}).get("parent_id")
    return marked


def _is_above_itself(span_id: str, spans: Mapping[str, Mapping[str, Any]]) -> bool:
    seen: set[str] = set()
    above = spans[span_id].get("parent_id")
    while above and above not in seen:
        if above == span_id:
            return True
        seen.add(above)
        above = spans.get(above, {}).get("parent_id")
    return False

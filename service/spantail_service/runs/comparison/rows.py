"""The rows of a comparison as JSON, bounded: what differs comes first where not all have room. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from spantail_service.runs.comparison.matching import NONE
from spantail_service.runs.comparison.spans import BACKEND, CONTENTS, ERROR, FIGURES, LABEL, MODEL, STATUS, Figures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spantail_service.runs.comparison.matching import Rows, Tree
    from spantail_service.runs.comparison.spans import Traits

_NOTHING: Final[list[str]] = []
_NAMED: Final = (("name", LABEL), ("status", STATUS), ("backend", BACKEND), ("model", MODEL), ("error", ERROR))


class Counts(NamedTuple):
    """How many spans both runs have, only one, and how many of those in both differ."""

    both: int
    only_a: int
    only_b: int
    differing: int


def differences(a: Traits, b: Traits) -> list[str]:
    """What differs between two counterparts, apart from times; a content that one run did not keep says nothing."""
    found = [name for name, at in _NAMED if a[at] != b[at]]
    of_a, of_b = a[FIGURES], b[FIGURES]
    if of_a is not None and of_b is not None and of_a != of_b:
        first, second = Figures(*of_a), Figures(*of_b)
        if (first.input, first.output) != (second.input, second.output):
            found.append("tokens")
        if (first.cost_nano, first.priced) != (second.cost_nano, second.priced):
            found.append("cost")
    found += [name for name, at in CONTENTS if a[at] is not None and b[at] is not None and a[at] != b[at]]
    return found


def answer_rows(rows: Rows, limit: int) -> tuple[list[dict[str, Any]], Counts]:
    """The rows to show, at most `limit`, each below its parent, and the counts over all."""
    changed = _changed(rows)
    only_a, only_b = rows.b.count(NONE), rows.a.count(NONE)
    counts = Counts(len(rows) - only_a - only_b, only_a, only_b, sum(map(bool, changed)))
    kept = range(len(rows)) if len(rows) <= limit else _most_telling(rows, changed, limit)
    return [_row(rows, at, changed[at]) for at in kept], counts


def _changed(rows: Rows) -> list[list[str]]:
    traits_a, traits_b = (tree.spans.traits for tree in rows.trees)
    changed = []
    for a, b in zip(rows.a, rows.b, strict=True):
        found = _NOTHING
        if NONE not in (a, b):
            of_a, of_b = traits_a[a], traits_b[b]
            if of_a is not of_b:  # alike ones are one object
                found = differences(of_a, of_b)
        changed.append(found)
    return changed


def _most_telling(rows: Rows, changed: Sequence[list[str]], limit: int) -> list[int]:
    parents = rows.parents
    keep: set[int] = set()  # with each row, those that lead to it
    for at, (a, b, found) in enumerate(zip(rows.a, rows.b, changed, strict=True)):
        if not found and NONE not in (a, b):
            continue
        new, row = [], at
        while row != NONE and row not in keep:
            new.append(row)
            row = parents[row]
        if len(keep) + len(new) > limit:
            break
        keep.update(new)
    for at, parent in enumerate(parents):
        if len(keep) >= limit:
            break
        if parent == NONE or parent in keep:
            keep.add(at)
    return sorted(keep)


def _row(rows: Rows, at: int, changed: list[str]) -> dict[str, Any]:
    (first, second), a, b = rows.trees, rows.a[at], rows.b[at]
    spans, shown = (second.spans, b) if b != NONE else (first.spans, a)
    return {
        "depth": rows.depths[at],
        "name": spans.names[shown],
        "kind": spans.traits[shown][LABEL][0],
        "a": _side(first, a) if a != NONE else None,
        "b": _side(second, b) if b != NONE else None,
        "changed": changed,
    }


def _side(tree: Tree, span: int) -> dict[str, Any]:
    spans, total = tree.spans, tree.total(span)
    traits = spans.traits[span]
    fallback_from, reason = spans.fallbacks.get(span, (None, None))
    side: dict[str, Any] = {
        "span_id": spans.ids[span], "status": traits[STATUS], "start": spans.starts[span], "end": spans.ends[span],
    }  # fmt: skip
    known = {
        "backend": traits[BACKEND], "model": traits[MODEL], "fallback_from": fallback_from, "fallback_reason": reason,
        "error": traits[ERROR],
    }  # fmt: skip
    side |= {name: value for name, value in known.items() if value is not None}
    if total.input or total.output:
        side["tokens"] = {"input": total.input, "output": total.output}
    if total.priced:
        side["cost_nano"] = total.cost_nano
    if total.unpriced:
        side["unpriced"] = total.unpriced
    return side

"""The rows of a comparison as JSON, bounded: what differs comes first where not all have room. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spantail_service.runs.comparison.matching import Node, Pair
    from spantail_service.runs.comparison.spans import ComparedSpan


class Counts(NamedTuple):
    """How many spans both runs have, only one, and how many of those in both differ."""

    both: int
    only_a: int
    only_b: int
    differing: int


def differences(pair: Pair) -> list[str]:
    """What differs between two counterparts, apart from times; a content that one run did not keep says nothing."""
    if pair.a is None or pair.b is None:
        return []
    a, b = pair.a.span, pair.b.span
    found = ["name"] if a.label != b.label else []
    found += [name for name in ("status", "backend", "model", "error") if getattr(a, name) != getattr(b, name)]
    if a.figures and b.figures:
        if a.figures[1:3] != b.figures[1:3]:
            found.append("tokens")
        if (a.figures.cost_nano, a.figures.priced) != (b.figures.cost_nano, b.figures.priced):
            found.append("cost")
    found += [name for name in ("input", "output") if _content_differs(getattr(a, name), getattr(b, name))]
    return found


def _content_differs(a: bytes | None, b: bytes | None) -> bool:
    return a is not None and b is not None and a != b


def answer_rows(pairs: Sequence[Pair], limit: int) -> tuple[list[dict[str, Any]], Counts]:
    """The rows to show, at most `limit`, each below its parent, and the counts over all."""
    changed = [differences(pair) for pair in pairs]
    counts = Counts(
        both=sum(pair.a is not None and pair.b is not None for pair in pairs),
        only_a=sum(pair.b is None for pair in pairs),
        only_b=sum(pair.a is None for pair in pairs),
        differing=sum(map(bool, changed)),
    )
    kept = range(len(pairs)) if len(pairs) <= limit else _most_telling(pairs, changed, limit)
    return [_row(pairs[at], changed[at]) for at in kept], counts


def _most_telling(pairs: Sequence[Pair], changed: Sequence[list[str]], limit: int) -> list[int]:
    above: list[int] = []  # the rows that lead to the present one, one a level
    keep: set[int] = set()
    for at, pair in enumerate(pairs):
        above[pair.depth :] = [at]
        if not changed[at] and pair.a is not None and pair.b is not None:
            continue
        new = [row for row in above if row not in keep]
        if len(keep) + len(new) > limit:
            break
        keep.update(new)
    for at, pair in enumerate(pairs):
        if len(keep) >= limit:
            break
        above[pair.depth :] = [at]
        if pair.depth == 0 or above[pair.depth - 1] in keep:
            keep.add(at)
    return sorted(keep)


def _row(pair: Pair, changed: list[str]) -> dict[str, Any]:
    a, b = pair.a and _side(pair.a), pair.b and _side(pair.b)
    shown = pair.b or pair.a
    named = {"name": shown.span.name, "kind": shown.span.kind} if shown else {}
    return {"depth": pair.depth, **named, "a": a, "b": b, "changed": changed}


def _side(node: Node) -> dict[str, Any]:
    span: ComparedSpan = node.span
    total = node.total
    side: dict[str, Any] = {"span_id": span.span_id, "status": span.status, "start": span.start, "end": span.end}
    for name in ("backend", "model", "fallback_from", "fallback_reason", "error"):
        value = getattr(span, name)
        if value is not None:
            side[name] = value
    if total.input or total.output:
        side["tokens"] = {"input": total.input, "output": total.output}
    if total.priced:
        side["cost_nano"] = total.cost_nano
    if total.unpriced:
        side["unpriced"] = total.unpriced
    return side

"""The comparison of two runs once more, written as plainly as can be: an object for each span, no step left out.

What the service does with columns (`runs/comparison/`) is held to it.
"""

from __future__ import annotations

from collections import defaultdict, deque
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from spantail import attributes as key
from spantail_exporters.model.rules.wrapping import has_account
from spantail_service.runs.comparison.rows import Counts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

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


class Node:
    """A span in its tree, with what everything below it came to."""

    __slots__ = ("children", "span", "total")

    def __init__(self, span: ComparedSpan) -> None:
        self.span = span
        self.children: list[Node] = []
        self.total: Figures = NOTHING


class Pair(NamedTuple):
    """One row of the comparison, in pre-order; None where that run has no such span."""

    depth: int
    a: Node | None
    b: Node | None


def tree_of(spans: Iterable[ComparedSpan]) -> list[Node]:
    """The roots of a run's tree, children by start; a span whose parent is not there is a root.

    A circle of parents is cut at its earliest span, so that every span is in the tree.
    """
    ordered = [Node(span) for span in sorted(spans, key=lambda span: (span.start, span.span_id))]
    by_id = {node.span.span_id: node for node in ordered}
    roots: list[Node] = []
    for node in ordered:
        parent = by_id.get(node.span.parent_id or "")
        (roots if parent is None or parent is node else parent.children).append(node)
    seen = {id(node) for node in _pre_order(roots)}
    for node in ordered:
        if id(node) in seen:
            continue
        by_id[node.span.parent_id or ""].children.remove(node)
        roots.append(node)
        seen.update(id(below) for below in _pre_order([node]))
    _sum_up(roots)
    return roots


def _pre_order(roots: Sequence[Node]) -> list[Node]:
    found, stack = [], list(reversed(roots))
    while stack:
        node = stack.pop()
        found.append(node)
        stack.extend(reversed(node.children))
    return found


def _sum_up(roots: Sequence[Node]) -> None:
    """Of calls within each other only the innermost counts, as in the sums of the run (`rules/wrapping.py`)."""
    counted: set[int] = set()  # nodes with an account, or with one below
    for node in reversed(_pre_order(roots)):
        own = node.span.figures
        total, is_wrapper = NOTHING, False
        for child in node.children:
            total = total.plus(child.total)
            is_wrapper |= id(child) in counted
        node.total = total if own is None or is_wrapper else total.plus(own)
        if own is not None or is_wrapper:
            counted.add(id(node))


def matched(a: Sequence[Node], b: Sequence[Node]) -> list[Pair]:
    """The rows of two trees, given by their roots: in pre-order, each span of either once."""
    top = _paired(a, b)
    if a and b and not any(left and right for left, right in top):
        top = [(a[0], b[0]), *_paired(a[1:], b[1:])]
    rows: list[Pair] = []
    stack = [Pair(0, left, right) for left, right in reversed(top)]
    while stack:
        row = stack.pop()
        rows.append(row)
        below = _paired(row.a.children if row.a else (), row.b.children if row.b else ())
        stack.extend(Pair(row.depth + 1, left, right) for left, right in reversed(below))
    return rows


def _paired(left: Sequence[Node], right: Sequence[Node]) -> list[tuple[Node | None, Node | None]]:
    """Siblings of two trees: in the order of the left one, what only the right one has behind its neighbour there."""
    waiting: dict[tuple[str, str], deque[Node]] = defaultdict(deque)
    for node in right:
        waiting[node.span.label].append(node)
    partners = [waiting[node.span.label].popleft() if waiting[node.span.label] else None for node in left]
    taken = {id(partner) for partner in partners if partner is not None}
    following: dict[int | None, list[Node]] = defaultdict(list)
    neighbour: int | None = None
    for node in right:
        if id(node) in taken:
            neighbour = id(node)
        else:
            following[neighbour].append(node)
    rows: list[tuple[Node | None, Node | None]] = [(None, node) for node in following[None]]
    for node, partner in zip(left, partners, strict=True):
        rows.append((node, partner))
        if partner is not None:
            rows.extend((None, other) for other in following[id(partner)])
    return rows


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


def plain_rows(a: Iterable[bytes], b: Iterable[bytes], limit: int) -> tuple[list[dict[str, Any]], Counts]:
    """The rows and counts of two runs, from the states of their spans."""
    trees = [
        tree_of({span.span_id: span for span in map(read, states) if span is not None}.values()) for states in (a, b)
    ]
    return answer_rows(matched(*trees), limit)

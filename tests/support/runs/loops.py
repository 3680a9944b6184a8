"""Runs whose spans have no way up to a root: parents in a circle, a span that is its own parent, orphans."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

RUN_ID: Final = "000000000000000000000000c0de0011"
START_NS: Final = 1_795_878_791_339_645_000


class Shape(NamedTuple):
    """Spans by number, each with its parent's (0: none), in the order in which they arrive."""

    spans: tuple[tuple[int, int], ...]
    links: tuple[tuple[int, int], ...] = ()
    rooted: bool = False


SHAPES: Final = {
    "a span that is its own parent": Shape(((1, 1),)),
    "a loop of two": Shape(((1, 2), (2, 1))),
    "a loop of three": Shape(((1, 2), (2, 3), (3, 1))),
    "a loop with a branch": Shape(((4, 3), (1, 2), (5, 4), (2, 3), (3, 1))),
    "a loop and an orphan tree": Shape(((1, 2), (2, 1), (11, 99), (12, 11), (13, 12))),
    "an orphan tree and a late loop": Shape(((12, 11), (11, 99), (13, 12), (2, 1), (1, 2), (3, 3))),
    "links to a descendant, in a loop": Shape(((1, 2), (2, 1), (3, 2)), links=((1, 3), (3, 3))),
    "a loop beside a root": Shape(((7, 0), (8, 7), (1, 2), (2, 1)), rooted=True),
}


def span_id(number: int) -> str:
    """The id of a shape's span."""
    return f"{number:016x}"


def otlp_json(shape: Shape) -> dict[str, Any]:
    """An `ExportTraceServiceRequest` of the shape, all spans ended."""
    spans = [
        {
            "traceId": RUN_ID, "spanId": span_id(number), "name": f"span {number}", "kind": 1,
            "startTimeUnixNano": str(START_NS + number * 1_000_000),
            "endTimeUnixNano": str(START_NS + 90_000_000 + number * 1_000_000),
            "links": [
                {"traceId": RUN_ID, "spanId": span_id(to)} for linking, to in shape.links if linking == number
            ],
            **({"parentSpanId": span_id(parent)} if parent else {}),
        }
        for number, parent in shape.spans
    ]  # fmt: skip
    service = {"key": "service.name", "value": {"stringValue": "case"}}
    return {"resourceSpans": [{"resource": {"attributes": [service]}, "scopeSpans": [{"spans": spans}]}]}

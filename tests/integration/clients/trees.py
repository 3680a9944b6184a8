"""A run as text, to compare with what is expected as a whole; and whether its times can be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

NODE_JITTER_US: Final = 20_000
"""OpenTelemetry for Node.js takes the start of a span from a clock of milliseconds, and its end from another one, which
it reads a moment later: on a busy machine that is more than a moment."""


def drawn_whole(trace: dict[str, Any]) -> str:
    """The tree, a span a line: name, kind, kind of OpenTelemetry, scope, what is known of a call, error, events."""
    scopes = {digest: scope["name"] for digest, scope in trace["scopes"].items()}
    return "".join(f"{'  ' * depth}{_line(span, scopes)}\n" for span, depth in _walk(trace))


def _line(span: dict[str, Any], scopes: dict[str, str]) -> str:
    parts = [f"{span['name']}: {span['kind']}", span["span_kind"], f"by {scopes[span['scope']]}"]
    if span["status"] != "ok":
        parts.append(span["status"])
    if "backend" in span:
        parts.append(f"{span['backend']} {span['model']}")
        parts += [f"{name} {count}" for name, count in span.get("tokens", {}).items()]
        parts.append(f"{span.get('cost_nano', '?')} nano-USD {span['cost_source']}")
    if "error" in span:
        parts.append(f"{span['error']['type']}: {span['error']['message']}")
    parts += [f"+ {event['name']}" for event in span.get("span_events", ())]
    return ", ".join(parts)


def _walk(trace: dict[str, Any]) -> Iterator[tuple[dict[str, Any], int]]:
    """Every span with its depth; one whose parent is not here stands at the end, so that it is seen.

    Of those that begin in the same millisecond of Node.js the one that was sent first comes first: it ended first.
    """
    spans: list[dict[str, Any]] = trace["spans"]
    ended = {span_id: place for place, span_id in enumerate(trace["ended"])}
    known = {span["span_id"] for span in spans}
    below: dict[str | None, list[dict[str, Any]]] = {}
    for span in sorted(spans, key=lambda span: (span["start"], ended[span["span_id"]])):
        parent = span["parent_id"]
        below.setdefault(parent if parent in known or parent is None else "elsewhere", []).append(span)

    def down(parent: str | None, depth: int) -> Iterator[tuple[dict[str, Any], int]]:
        for span in below.get(parent, ()):
            yield span, depth
            yield from down(span["span_id"], depth + 1)

    yield from down(None, 0)
    yield from down("elsewhere", 9)


def attributes_by_name(trace: dict[str, Any], *varying: str) -> dict[str, dict[str, Any]]:
    """What was sent of each span, by its name, without what differs from run to run. Names are those of one span."""
    names = [span["name"] for span in trace["spans"]]
    assert len(set(names)) == len(names), names
    return {
        span["name"]: {
            name: value
            for name, value in span["attributes"].items()
            if name not in varying and name not in span.get("derived", ())
        }
        for span in trace["spans"]
    }


def assert_times(trace: dict[str, Any], least_us: dict[str, int], jitter_us: int = 0) -> None:
    """Every span lies within its parent, every event within its span; those in `least_us` take that long."""
    spans = {span["span_id"]: span for span in trace["spans"]}
    for span in spans.values():
        assert span["start"] <= span["end"], span["name"]
        assert span["end"] - span["start"] >= least_us.get(span["name"], 0) - jitter_us, span["name"]
        for event in span.get("span_events", ()):
            assert span["start"] - jitter_us <= event["ts"] <= span["end"] + jitter_us, (span["name"], event["name"])
        if (parent := spans.get(span["parent_id"])) is not None:
            assert parent["start"] - jitter_us <= span["start"], (parent["name"], span["name"])
            # a server may still be at work on a request when its client has read all of the answer
            if span["span_kind"] != "server":
                assert span["end"] <= parent["end"] + jitter_us, (parent["name"], span["name"])

"""Which spans of one trace are handed out: those that fulfil a condition, with their ancestors or without (pure)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from spantail_service.tempo.matching import Trace, holds
from spantail_service.transfer.otlp import end_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spantail_service.tempo.conditions import Condition


class SpanFilter(NamedTuple):
    """What is wanted of a trace.

    Attributes:
        condition: What a span has to fulfil; None: anything.
        keep_hierarchy: Whether all spans above one that fulfils it come too, so that they are still a tree.
    """

    condition: Condition | None = None
    keep_hierarchy: bool = True

    def of(self, spans: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
        """Return those of a trace's spans (as they are read, see `reading.py`) that are wanted, in their order.

        Raises:
            RegexError: a pattern has worked all it may.
        """
        if self.condition is None or not spans:
            return spans
        trace = _trace(spans)
        wanted = {span["span_id"] for span in spans if holds(self.condition, span, trace)}
        if self.keep_hierarchy:
            parents = {span["span_id"]: span.get("parent_id") for span in spans}
            for span_id in list(wanted):
                parent = parents.get(span_id)
                while parent is not None and parent not in wanted:
                    wanted.add(parent)
                    parent = parents.get(parent)
        return [span for span in spans if span["span_id"] in wanted]


def _trace(spans: Sequence[dict[str, Any]]) -> Trace:
    """What conditions ask of the trace: its root is the span without a parent, else the first one."""
    root = next((span for span in spans if span.get("parent_id") is None), spans[0])
    begun, ended = min(span["start"] for span in spans), max(map(end_of, spans))
    return Trace(root["run_id"], root["name"], root["service"], (ended - begun) * 1_000)

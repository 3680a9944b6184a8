"""The pages in which Spantail, Phoenix and MLflow show a trace: their addresses, and how one sees that it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from bench.peers.programs import Peer, mlflow, phoenix, spantail

if TYPE_CHECKING:
    from collections.abc import Callable

_PHOENIX_AT_ONCE: Final = 1_000
_PHOENIX_PROJECT: Final = "UHJvamVjdDox"  # of an empty database the first one: `Project:1`
_PHOENIX_SPANS: Final = (
    'query ($trace: ID!) { getProjectByName(name: "default") { trace(traceId: $trace) { numSpans } } }'
)


class TracePage(NamedTuple):
    """A page that shows a trace."""

    peer: Peer
    path: str
    """Where the trace `{trace_id}` is opened."""
    rows: str
    """The selector of a row. The wheel is turned over the first one."""
    counted: str
    """JavaScript: how many spans are there; may only be asked once there is a row."""
    shown: str
    """What counts as shown, in words."""
    at_once: int | None
    """Most spans that are shown without a further click; None where all are."""
    stored: Callable[[str], tuple[str, bytes | None]]
    """From a trace id: the path that says how many spans are stored, and what is posted to it."""
    stored_count: Callable[[Any], int]
    """Reads the answer."""

    def wanted(self, spans: int) -> int:
        """How many spans of a trace of so many it has to show."""
        return min(spans, self.at_once or spans)


def spantail_page(redis_url: str) -> TracePage:
    """Ours. Rows out of sight are none, so the count of the summary is looked at."""
    return TracePage(
        spantail(redis_url),
        "/runs/{trace_id}",
        "#trace-viewport .trace-row",
        "Number(document.getElementById('trace-summary')?.textContent.split(' ')[0].replaceAll(',', ''))",
        "a row, and the summary counts all spans",
        None,
        lambda trace_id: (f"/api/runs/{trace_id}", None),
        lambda answer: int(answer["spans"]),
    )


def phoenix_page() -> TracePage:
    """Phoenix. It shows 1,000 spans, and further ones by `Load More`; each has its row."""
    rows = 'ul[data-testid="trace-tree"] .span-node-wrap'
    return TracePage(
        phoenix(),
        f"/projects/{_PHOENIX_PROJECT}/traces/{{trace_id}}",
        rows,
        f"document.querySelectorAll('{rows}').length",
        f"a row for each span, of at most {_PHOENIX_AT_ONCE:,}",
        _PHOENIX_AT_ONCE,
        lambda trace_id: (
            "/graphql", orjson.dumps({"query": _PHOENIX_SPANS, "variables": {"trace": trace_id}}),
        ),
        lambda answer: int(answer["data"]["getProjectByName"]["trace"]["numSpans"]),
    )  # fmt: skip


def mlflow_page() -> TracePage:
    """MLflow. Each span has its row."""
    rows = '[data-testid^="timeline-tree-node-"]'
    peer = mlflow()
    return TracePage(
        peer,
        "/#/experiments/0/traces?selectedEvaluationId=tr-{trace_id}",
        rows,
        f"document.querySelectorAll('{rows}').length",
        "a row for each span",
        None,
        lambda trace_id: (peer.run.format(run_id=trace_id), None),
        peer.count,
    )

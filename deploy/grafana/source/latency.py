"""How long it takes: LLM calls, their first chunk, runs, the wait in the queue, answers of the service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders.dashboard import Row

from deploy.grafana.source import metrics
from deploy.grafana.source.panels import About, Query, board, graph, rows, runs, traces
from deploy.grafana.source.queries import CALLS, DATA, SERVICE, quantile, selected, total

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders.dashboard import Dashboard
    from grafana_foundation_sdk.builders.table import Panel as Table
    from grafana_foundation_sdk.builders.timeseries import Panel as Graph

_QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_MEANING = "p95: 95 of 100 took no longer. Estimated within the bounds of the histogram's buckets."
_LINKS = {
    "spantail_backend": [traces('{ span.spantail.backend = "${__field.labels.spantail_backend}" }')],
    "gen_ai_request_model": [traces('{ span.gen_ai.request.model = "${__field.labels.gen_ai_request_model}" }')],
    "spantail_operation": [runs(operation="${__field.labels.spantail_operation}")],
}


def latency() -> Dashboard:
    """Quantiles of durations, with examples that lead to their traces."""
    made = board("latency", "How long LLM calls, runs, the queue and the service take. Dots are single calls.")
    for title, charts in (
        ("LLM calls", _calls()),
        ("Runs and queue", _runs()),
        ("Service", _service()),
    ):
        made.with_row(Row(title))
        for chart in charts:
            made.with_panel(chart.span(12).height(8))
    return made.with_panel(_table().span(12).height(8))


def _of_all(title: str, metric: str, *conditions: str) -> Graph:
    """p50, p95 and p99 of everything."""
    queries = [
        Query(quantile(q, metric, conditions), name, exemplars=q == max(_QUANTILES.values()))
        for name, q in _QUANTILES.items()
    ]
    return graph(About(title, "s", _MEANING), *queries)


def _by(title: str, metric: str, label: str, *conditions: str) -> Graph:
    """p95 for each value of a label."""
    return graph(
        About(f"{title}, p95", "s", _MEANING),
        Query(quantile(0.95, metric, conditions, label), f"{{{{{label}}}}}", exemplars=True),
        links=_LINKS.get(label, []),
    )


def _calls() -> list[Graph]:
    return [
        _of_all("Time of LLM calls", metrics.CALL_DURATION, CALLS),
        _by("Time of LLM calls by backend", metrics.CALL_DURATION, "spantail_backend", CALLS),
        _of_all("Time to the first chunk", metrics.FIRST_CHUNK, CALLS),
        _by("Time for each further chunk, by model", metrics.PER_CHUNK, "gen_ai_request_model", CALLS),
    ]


def _runs() -> list[Graph]:
    return [
        _of_all("Time of runs", metrics.RUN_DURATION, CALLS, DATA),
        _by("Time of runs by operation", metrics.RUN_DURATION, "spantail_operation", CALLS, DATA),
        _of_all("Wait in the queue", metrics.QUEUE_WAIT, CALLS),
        _by("Wait in the queue by priority", metrics.QUEUE_WAIT, "spantail_queue_priority", CALLS),
    ]


def _service() -> list[Graph]:
    quick = 'http_route!~".*(logs|events|changes).*"'  # long polls and streams take as long as they are held open
    return [
        _by("Answers of the service by route", metrics.REQUESTS, "http_route", SERVICE, quick),
        _of_all("From an event to its viewers", metrics.TAIL_LAG, SERVICE),
    ]


def _table() -> Table:
    buckets = selected(f"{metrics.CALL_DURATION}_bucket", CALLS)
    return rows(
        About("By model", "s", "Time of LLM calls within the period."),
        {
            name: (f"histogram_quantile({q}, {total(buckets, 'le', 'gen_ai_request_model')})", "s")
            for name, q in _QUANTILES.items()
        },
        {"gen_ai_request_model": "Model"},
        links=[traces('{ span.gen_ai.request.model = "${__data.fields.Model}" }', "Traces of these calls")],
    )

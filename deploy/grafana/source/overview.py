"""What runs now, what it costs, and whether it fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders.dashboard import Row

from deploy.grafana.source import metrics
from deploy.grafana.source.panels import About, Query, board, graph, number, rows, runs, traces
from deploy.grafana.source.queries import pace, quantile, share, shared, total

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders.dashboard import Dashboard
    from grafana_foundation_sdk.builders.table import Panel as Table
    from grafana_foundation_sdk.builders.timeseries import Panel as Graph

_RUNNING = metrics.gauge("runs", 'status="running"')
_SPENT_TODAY = f"sum({shared(metrics.SPENT_TODAY, 'backend')})"
_ALERTS = 'count(ALERTS{alertstate="firing",alertname=~"Spantail.*"}) or vector(0)'


def overview() -> Dashboard:
    """The dashboard to begin with."""
    made = board("overview", "What runs now, what it costs, and whether it fails.")
    made.with_row(Row("Now"))
    for panel in (
        number(About("Runs going on", "none", "Runs that work at this moment, in every process that writes to Redis."),
               Query(shared(_RUNNING)), links=[runs(status="running")]),
        number(About("In the queue", "none", "Items that wait for a runner. Delayed ones are not counted."),
               Query(shared(metrics.gauge("queue_items", 'state="pending"'))), {100: "orange"},
               links=[runs(status="queued")]),
        number(About("Runners", "none", "Processes that take items from the queue and are alive."),
               Query(shared(metrics.gauge("runners", 'state="alive"'))), {0: "red", 1: "green"}),
        number(About("Spent today", "currencyUSD", "Money of the LLM calls of all runs that began today (UTC), without "
                     "those on demo data."),
               Query(_SPENT_TODAY), decimals=4),
        number(About("Ready", "none", "1 where every process of the service is ready to work."),
               Query(f"min({metrics.gauge('ready')})"), {0: "red", 1: "green"}),
        number(About("Alerts", "none", "Alerts of Spantail's rules that fire now."), Query(_ALERTS),
               {0: "green", 1: "red"}),
    ):  # fmt: skip
        made.with_panel(panel.span(4).height(4))
    made.with_row(Row("Within the period"))
    for chart in _graphs():
        made.with_panel(chart.span(12).height(8))
    return made.with_panel(_table().span(24).height(8))


def _graphs() -> list[Graph]:
    failed = pace(metrics.LLM_ERRORS, "spantail_backend")
    calls = pace(metrics.LLM_CALLS, "spantail_backend")
    return [
        graph(About("Runs that ended, per minute", "none", "By how they ended."),
              Query(metrics.RUNS_A_MINUTE, "{{status}}"),
              links=[runs(status="${__field.labels.status}")], bars=True),
        graph(About("Spend per hour", "currencyUSD", "What LLM calls cost, as if it went on like this for an hour."),
              Query(f"{pace(metrics.COST_NANO, 'spantail_backend', seconds=3600)} / 1e9", "{{spantail_backend}}"),
              links=[traces('{ span.spantail.backend = "${__field.labels.spantail_backend}" }')]),
        graph(About("LLM calls that failed", "percentunit", "Share of the attempts at each backend."),
              Query(share(failed, calls), "{{spantail_backend}}"),
              links=[traces('{ status = error && span.spantail.backend = "${__field.labels.spantail_backend}" }')]),
        graph(About("Time of LLM calls, 95 of 100", "s", "95 of 100 calls took no longer. Dots are single calls."),
              Query(quantile(0.95, metrics.CALL_DURATION, ('job="$calls"',), "spantail_backend"),
                    "{{spantail_backend}}", exemplars=True),
              links=[traces('{ span.spantail.backend = "${__field.labels.spantail_backend}" }')]),
    ]  # fmt: skip


def _table() -> Table:
    return rows(
        About("Operations", "none", "Runs that ended within the period, and what was spent in them."),
        {
            "Runs": (total(metrics.RUNS, "spantail_operation"), "none"),
            "Spent": (f"{total(metrics.COST_NANO, 'spantail_operation')} / 1e9", "currencyUSD"),
        },
        {"spantail_operation": "Operation"},
        links=[runs(operation="${__data.fields.Operation}")],
    )

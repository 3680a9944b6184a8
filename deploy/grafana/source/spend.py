"""What LLM calls cost: by backend, model, operation and day, and what of it has a limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders.dashboard import Row

from deploy.grafana.source import metrics
from deploy.grafana.source.panels import About, Query, board, graph, number, rows, runs, traces
from deploy.grafana.source.queries import narrowed, pace, shared, total

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders.dashboard import Dashboard
    from grafana_foundation_sdk.builders.table import Panel as Table
    from grafana_foundation_sdk.builders.timeseries import Panel as Graph

_USD = "currencyUSD"
_INPUT = narrowed(metrics.TOKENS, 'gen_ai_token_type="input"')
_OUTPUT = narrowed(metrics.TOKENS, 'gen_ai_token_type="output"')


def spend() -> Dashboard:
    """Money and tokens."""
    made = board("spend", "What LLM calls cost: by backend, model, operation and day.", "now-24h")
    made.with_row(Row("Within the period"))
    for panel in (
        number(About("Spent", _USD, "Money of the LLM calls that ended within the period. Exact to the nano-dollar "
                     "where each process has its own series."),
               Query(f"{total(metrics.COST_NANO)} / 1e9"), decimals=4),
        number(About("Calls", "none", "Attempts, those that failed included."), Query(total(metrics.LLM_CALLS))),
        number(About("Calls without a price", "none", "What they cost is unknown and in no sum here."),
               Query(f"{total(metrics.UNPRICED)} or vector(0)"), {1: "orange"}),
        number(About("Input tokens", "short", "Cached ones included."), Query(total(_INPUT))),
        number(About("Output tokens", "short", "Those of reasoning included."), Query(total(_OUTPUT))),
        number(About("Spent today", _USD, "Of all runs that began today (UTC), as Redis has it, without those on demo "
                     "data."),
               Query(f"sum({shared(metrics.SPENT_TODAY, 'backend')})"), decimals=4),
    ):  # fmt: skip
        made.with_panel(panel.span(4).height(4))
    for table in _tables():
        made.with_panel(table.span(8).height(9))
    made.with_row(Row("Over time"))
    for chart in _graphs():
        made.with_panel(chart.span(12).height(8))
    made.with_row(Row("Budgets"))
    for chart in _budgets():
        made.with_panel(chart.span(12).height(8))
    return made


def _tables() -> list[Table]:
    return [
        rows(
            About(f"By {word}", _USD, f"What was spent at each {word} within the period, and by how many calls."),
            {
                "Spent": (f"{total(metrics.COST_NANO, cost_label)} / 1e9", _USD),
                **({"Calls": (total(metrics.LLM_CALLS, cost_label), "none")} if with_calls else {}),
            },
            {cost_label: word.capitalize()},
            links=[link],
        )
        for word, cost_label, with_calls, link in (
            ("backend", "spantail_backend", True,
             traces('{ span.spantail.backend = "${__data.fields.Backend}" }', "Traces of these calls")),
            ("model", "gen_ai_request_model", True,
             traces('{ span.gen_ai.request.model = "${__data.fields.Model}" }', "Traces of these calls")),
            ("operation", "spantail_operation", False, runs(operation="${__data.fields.Operation}")),
        )
    ]  # fmt: skip


def _graphs() -> list[Graph]:
    # The value of a day stands at its beginning: the window that begins there is read.
    of_day = f"max by (backend) (max_over_time({metrics.SPENT_TODAY}[1d] offset -1d))"
    per_run = (
        f"{total(metrics.COST_NANO, 'spantail_operation')} / 1e9 / ({total(metrics.RUNS, 'spantail_operation')} > 0)"
    )
    per_hour = f"{pace(metrics.COST_NANO, 'gen_ai_request_model', seconds=3600)} / 1e9"
    return [
        graph(About("Spend of each day", _USD, "Of all runs that began on that day (UTC), as Redis had it at its end. "
                    "Show seven days or more."),
              Query(of_day, "{{backend}}"), bars=True).interval("1d"),
        graph(About("Spend per hour", _USD, "By model, as if it went on like this for an hour."),
              Query(per_hour, "{{gen_ai_request_model}}"),
              links=[traces('{ span.gen_ai.request.model = "${__field.labels.gen_ai_request_model}" }')]),
        graph(About("Tokens per second", "short", "By type."),
              Query(pace(metrics.TOKENS, "gen_ai_token_type"), "{{gen_ai_token_type}}")),
        graph(About("Cost of a run", _USD, "By operation: what was spent within the period, over the runs that ended."),
              Query(per_run, "{{spantail_operation}}"),
              links=[runs(operation="${__field.labels.spantail_operation}")]),
    ]  # fmt: skip


def _budgets() -> list[Graph]:
    limit, spent, reserved = (metrics.gauge(f"budget_{what}_usd") for what in ("limit", "spent", "reserved"))
    used = f"({shared(spent, 'kind')} + {shared(reserved, 'kind')})"
    return [
        graph(About("Budgets: share that is used", "percentunit", "Spent and reserved of the budget of each kind "
                    "that is nearest to its limit. Kinds without a limit are left out."),
              Query(f"{used} / {shared(limit, 'kind')}", "{{kind}}")),
        graph(About("Budgets: spent", _USD, "What is spent of the budget of each kind that is nearest to its limit."),
              Query(shared(spent, "kind"), "{{kind}}")),
    ]  # fmt: skip

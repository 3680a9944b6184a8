"""What fails: runs, LLM calls, fallbacks, circuits, processes that died, notices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders.dashboard import Row

from deploy.grafana.source import metrics
from deploy.grafana.source.panels import About, Query, board, graph, number, rows, runs, traces
from deploy.grafana.source.queries import narrowed, pace, share, shared, total, total_of_all

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders.dashboard import Dashboard
    from grafana_foundation_sdk.builders.stat import Panel as Stat
    from grafana_foundation_sdk.builders.table import Panel as Table
    from grafana_foundation_sdk.builders.timeseries import Panel as Graph

_OF_BACKEND = 'span.spantail.backend = "${__field.labels.spantail_backend}"'


def reliability() -> Dashboard:
    """Errors, fallbacks, abandoned runs, circuit breakers."""
    made = board("reliability", "What fails: runs, LLM calls, backends, and processes that died.")
    made.with_row(Row("Within the period"))
    for panel in _numbers():
        made.with_panel(panel.span(4).height(4))
    for table in _tables():
        made.with_panel(table.span(12).height(8))
    made.with_row(Row("Over time"))
    for chart in _graphs():
        made.with_panel(chart.span(12).height(8))
    return made


def _numbers() -> list[Stat]:
    def ended(statuses: str) -> str:
        return total_of_all(narrowed(metrics.RUNS_ENDED, f'status=~"{statuses}"'), "operation", "status")

    whole = f"sum({total_of_all(metrics.RUNS_ENDED, 'operation', 'status')})"
    return [
        *(
            number(About(f"Runs {status}", "none", meaning), Query(f"sum({ended(status)}) or vector(0)"), steps,
                   links=[runs(status=status)])
            for status, meaning, steps in (
                ("completed", "Runs that ended as they should.", {0: "green"}),
                ("failed", "Runs that ended with an error.", {0: "green", 1: "red"}),
                ("cancelled", "Runs that somebody stopped.", None),
                ("abandoned", "Runs whose process died: the reaper ended their spans.", {0: "green", 1: "purple"}),
            )
        ),
        number(About("Failed runs, share", "percentunit", "Share of those that ended: failed or abandoned."),
               Query(share(f"sum({ended('failed|abandoned')})", whole)),
               {0: "green", 0.05: "orange", 0.2: "red"}),
        number(About("Calls that fell back", "percentunit", "Share of the LLM calls that another backend had "
                     "to take after a failure. Attempts that were skipped are not counted."),
               Query(share(total(narrowed(metrics.FALLBACKS, 'spantail_fallback_expected!="true"')),
                           total(metrics.LLM_CALLS))),
               {0: "green", 0.05: "orange", 0.2: "red"}),
    ]  # fmt: skip


def _tables() -> list[Table]:
    return [
        rows(
            About("Errors of LLM calls", "none", "Attempts that failed, by backend, model and reason."),
            {"Calls": (total(metrics.LLM_ERRORS, "spantail_backend", "gen_ai_request_model", "error_type"), "none")},
            {"spantail_backend": "Backend", "gen_ai_request_model": "Model", "error_type": "Reason"},
            links=[traces('{ status = error && span.spantail.backend = "${__data.fields.Backend}" }',
                          "Traces of these calls")],
        ),
        rows(
            About("Fallbacks", "none", "Calls that went to another backend: from which, to which, and why."),
            {"Calls": (total(metrics.FALLBACKS, "spantail_fallback_from", "spantail_backend",
                             "spantail_fallback_reason"), "none")},
            {"spantail_fallback_from": "From", "spantail_backend": "To", "spantail_fallback_reason": "Reason"},
            links=[traces('{ span.spantail.fallback.from = "${__data.fields.From}" }', "Traces of these calls")],
        ),
    ]  # fmt: skip


def _graphs() -> list[Graph]:
    failed, calls = pace(metrics.LLM_ERRORS, "spantail_backend"), pace(metrics.LLM_CALLS, "spantail_backend")
    return [
        graph(About("LLM calls that failed", "percentunit", "Share of the attempts at each backend."),
              Query(share(failed, calls), "{{spantail_backend}}"),
              links=[traces(f"{{ status = error && {_OF_BACKEND} }}")]),
        graph(About("Fallbacks per minute", "none", "By reason."),
              Query(pace(metrics.FALLBACKS, "spantail_fallback_reason", seconds=60), "{{spantail_fallback_reason}}"),
              links=[traces('{ span.spantail.fallback.reason = "${__field.labels.spantail_fallback_reason}" }')],
              bars=True),
        graph(About("Circuits", "none", "1 while a backend is not asked, 0.5 while one attempt tries it, else 0."),
              Query(shared(metrics.gauge("llm_circuit_open"), "backend", "model"), "{{backend}} {{model}}")).max(1),
        graph(About("Runs that ended, per minute", "none", "By how they ended."),
              Query(metrics.RUNS_A_MINUTE, "{{status}}"),
              links=[runs(status="${__field.labels.status}")], bars=True),
        graph(About("Spans that the reaper ended, per minute", "none",
                    "Of processes that died, by how that was known."),
              Query(pace(metrics.REAPED, "reason", seconds=60), "{{reason}}"),
              links=[runs(status="abandoned")], bars=True),
        graph(About("Notices", "none", "Those to be sent, and those of the latest 200 that could not be."),
              Query(f"sum({shared(metrics.gauge('notices_pending'), 'rule')})", "pending"),
              Query(f"sum({shared(metrics.gauge('notices_dead'), 'rule')})", "failed")),
    ]  # fmt: skip

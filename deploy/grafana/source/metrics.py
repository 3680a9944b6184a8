"""The metrics that the dashboards read, under the names that Prometheus has for them."""

from __future__ import annotations

from typing import Final

from deploy.grafana.source.queries import CALLS, DATA, SERVICE, pace_of_all, selected

CALL_DURATION: Final = "gen_ai_client_operation_duration_seconds"
FIRST_CHUNK: Final = "gen_ai_client_operation_time_to_first_chunk_seconds"
PER_CHUNK: Final = "gen_ai_client_operation_time_per_output_chunk_seconds"
RUN_DURATION: Final = "spantail_run_duration_seconds"
QUEUE_WAIT: Final = "spantail_queue_wait_seconds"
TAIL_LAG: Final = "spantail_tail_lag_seconds"
REQUESTS: Final = "http_server_request_duration_seconds"

LLM_CALLS: Final = selected(f"{CALL_DURATION}_count", CALLS)
LLM_ERRORS: Final = selected(f"{CALL_DURATION}_count", CALLS, 'error_type!=""')
TOKENS: Final = selected("gen_ai_client_token_usage_sum", CALLS)
COST_NANO: Final = selected("spantail_llm_cost_nano_total", CALLS, DATA)
UNPRICED: Final = selected("spantail_llm_unpriced_total", CALLS, DATA)
FALLBACKS: Final = selected("spantail_llm_fallbacks_total", CALLS)
RUNS: Final = selected(f"{RUN_DURATION}_count", CALLS, DATA)
DELIVERED: Final = selected("spantail_events_delivered_total", CALLS)
NOT_DELIVERED: Final = selected("spantail_events_dropped_total", CALLS)
SPOOL: Final = selected("spantail_spool_size_bytes", CALLS)

RUNS_ENDED: Final = selected("spantail_runs_ended_total", SERVICE)
RUNS_A_MINUTE: Final = f"sum by (status) ({pace_of_all(RUNS_ENDED, 'operation', 'status', seconds=60)})"
REAPED: Final = selected("spantail_reaper_abandoned_spans_total", SERVICE)
DROPPED: Final = selected("spantail_dropped_events_total", SERVICE)
SPENT_TODAY: Final = selected("spantail_llm_cost_today_usd", SERVICE)
DEMO_SPENT_TODAY: Final = selected("spantail_demo_llm_cost_today_usd", SERVICE)

COLLECTOR: Final = 'job="otel-collector"'


def of_collector(name: str) -> str:
    """A counter of the Collector's own; whether its name ends in `_total` is up to its configuration."""
    return f'{{__name__=~"otelcol_{name}(_total)?",{COLLECTOR}}}'


def gauge(name: str, *conditions: str) -> str:
    """A gauge of the service."""
    return selected(f"spantail_{name}", SERVICE, *conditions)

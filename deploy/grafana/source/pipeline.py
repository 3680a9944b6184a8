"""Whether Spantail itself is well: queue, runners, drops, lag, Redis, Collector."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders.dashboard import Row

from deploy.grafana.source import metrics
from deploy.grafana.source.panels import About, Query, board, graph, number, runs
from deploy.grafana.source.queries import (
    SERVICE,
    pace,
    quantile,
    selected,
    shared,
    total_of_all,
)

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders.dashboard import Dashboard
    from grafana_foundation_sdk.builders.stat import Panel as Stat
    from grafana_foundation_sdk.builders.timeseries import Panel as Graph


def pipeline() -> Dashboard:
    """The health of what shows the runs."""
    made = board(
        "pipeline", "Whether Spantail itself is well: queue, runners, what was dropped, lag, Redis, Collector."
    )
    made.with_row(Row("Now"))
    for panel in _numbers():
        made.with_panel(panel.span(4).height(4))
    for title, charts in (
        ("Queue and runners", _queue()),
        ("Events", _events()),
        ("Redis and what comes in", _around()),
        ("Collector", _collector()),
    ):
        made.with_row(Row(title))
        for chart in charts:
            made.with_panel(chart.span(12).height(8))
    return made


def _numbers() -> list[Stat]:
    memory = (
        f"{shared(metrics.gauge('redis_memory_used_bytes'))} / ({shared(metrics.gauge('redis_memory_max_bytes'))} > 0)"
    )
    dropped = f"sum({total_of_all(metrics.DROPPED, 'reason')}) or vector(0)"
    return [
        number(About("Ready", "none", "1 where every process of the service is ready to work."),
               Query(f"min({metrics.gauge('ready')})"), {0: "red", 1: "green"}),
        number(About("Redis", "none", "1 where Redis answered every process of the service."),
               Query(f"min({metrics.gauge('redis_up')})"), {0: "red", 1: "green"}),
        number(About("Memory of Redis in use", "percentunit", "Share of what it may use. None without a limit."),
               Query(memory), {0: "green", 0.8: "orange", 0.9: "red"}),
        number(About("Oldest item in the queue", "s", "How long the item has waited that waits longest."),
               Query(shared(metrics.gauge("queue_oldest_wait_seconds"))), {0: "green", 60: "orange", 600: "red"}),
        number(About("Events dropped", "none", "Within the period, as runs have counted them."),
               Query(dropped), {0: "green", 1: "red"}),
        number(About("Viewers", "none", "WebSockets, event streams and long polls that are held open."),
               Query(f"sum({metrics.gauge('viewers')})")),
    ]  # fmt: skip


def _queue() -> list[Graph]:
    return [
        graph(About("Items in the queue", "none", "By state."),
              Query(shared(metrics.gauge("queue_items"), "state"), "{{state}}"), links=[runs(status="queued")]),
        graph(About("Oldest wait", "s", "How long the item has waited that waits longest."),
              Query(shared(metrics.gauge("queue_oldest_wait_seconds")), "oldest")),
        graph(About("Runners", "none", "Processes that run operations of the queue."),
              Query(shared(metrics.gauge("runners"), "state"), "{{state}}")),
        graph(About("Room of the runners", "none", "Runs that they work on, and those that they could take."),
              Query(shared(metrics.gauge("runner_slots"), "state"), "{{state}}"), bars=True),
    ]  # fmt: skip


def _events() -> list[Graph]:
    lag = (SERVICE,)
    return [
        graph(About("Events that Redis took, per second", "short", "Of all processes that deliver to Redis."),
              Query(pace(metrics.DELIVERED), "delivered")),
        graph(About("Events that were dropped, per second", "short", "By reason, as each process counts its own."),
              Query(pace(metrics.NOT_DELIVERED, "error_type"), "{{error_type}}"), bars=True),
        graph(About("Lag of the tail", "s", "From an event's time until a process of the service has read it."),
              *(Query(quantile(q, metrics.TAIL_LAG, lag), name)
                for name, q in {"p50": 0.5, "p95": 0.95, "p99": 0.99}.items())),
        graph(About("Spool", "bytes", "What waits on disk while Redis is away."),
              Query(f"sum({metrics.SPOOL})", "waiting")),
    ]  # fmt: skip


def _around() -> list[Graph]:
    received = selected("spantail_otlp_received_total", SERVICE)
    return [
        graph(About("Redis' memory", "bytes", "What Redis uses, and what it may use where it has a limit."),
              Query(shared(metrics.gauge("redis_memory_used_bytes")), "used"),
              Query(f"{shared(metrics.gauge('redis_memory_max_bytes'))} > 0", "limit")),
        graph(About("Answer of Redis", "s", "How long Redis takes for a ping, at the slowest process."),
              Query(f"max({metrics.gauge('redis_ping_seconds')})", "ping")),
        graph(About("Spans and log records over OTLP, per second", "short", "What other applications send."),
              Query(pace(received, "outcome"), "{{outcome}}")),
        graph(About("Connections that were refused, per minute", "none", "By reason."),
              Query(pace(selected("spantail_refused_total", SERVICE), "reason", seconds=60), "{{reason}}"), bars=True),
    ]  # fmt: skip


def _collector() -> list[Graph]:
    queue = selected("otelcol_exporter_queue_size", metrics.COLLECTOR)
    return [
        graph(About("Spans that the Collector sent on, per second", "short", "By exporter."),
              Query(pace(metrics.of_collector("exporter_sent_spans"), "exporter"), "{{exporter}}")),
        graph(About("Queues of the Collector", "bytes", "What waits to be sent on, by exporter."),
              Query(f"sum by (exporter) ({queue})", "{{exporter}}")),
        graph(About("Spans that the Collector could not send, per second", "short",
                    "By exporter. They are sent again as long as its queue has room."),
              Query(pace(metrics.of_collector("exporter_send_failed_spans"), "exporter"),
                    "{{exporter}}"), bars=True),
        graph(About("Spans that the Collector refused, per second", "short", "By receiver: its memory was short."),
              Query(pace(metrics.of_collector("receiver_refused_spans"), "receiver"), "{{receiver}}"),
              bars=True),
    ]  # fmt: skip

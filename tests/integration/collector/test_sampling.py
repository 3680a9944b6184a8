"""tail-sampling.yaml on a real Collector: runs in which something happened are kept, of the others a share."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tests.integration.collector.harness import send_spans, span
from tests.support.otlp.receiver import otlp_receiver
from tests.support.programs.collectors import CONFIGURATION, VARIANTS, running_collector
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

SETTINGS = {
    "COLLECTOR_DECIDE_AFTER_ROOT": "1s", "COLLECTOR_KEEP_PERCENT": "0", "COLLECTOR_KEEP_SPANS": "50",
    "COLLECTOR_KEEP_USD": "0.5",
}  # fmt: skip


def _run(name: str, call: Span, *, duration_s: float = 1.0, calls: int = 1) -> list[Span]:
    """A root called `name` and what it did, in a trace of its own; the root comes last, as it ends last."""
    root = span(name, duration_s=duration_s)
    made = [call]
    made += [span(f"{name}'s call") for _ in range(calls - 1)]
    for one in made:
        one.trace_id, one.parent_span_id = root.trace_id, root.span_id
    return [*made, root]


def test_runs_in_which_something_happened_are_kept() -> None:
    kept = [
        _run("failed", span("a", error="no")),
        _run("cancelled", span("b", {"spantail.status": "cancelled"})),
        _run("fell back", span("c", {"spantail.fallback.from": "claude_cli"})),
        _run("fell back by event", span("d", events={"llm_call_fallback": {}})),
        _run("expensive", span("e", {"gen_ai.usage.cost": 0.5})),
        _run("slow", span("f"), duration_s=61),
        _run("large", span("g"), calls=60),
    ]
    left_out = [_run(f"ordinary {number}", span("h", {"gen_ai.usage.cost": 0.49})) for number in range(20)]
    with (
        otlp_receiver() as jaeger,
        running_collector(
            CONFIGURATION, VARIANTS / "tail-sampling.yaml", env=SETTINGS | {"JAEGER_ENDPOINT": jaeger.endpoint}
        ) as collector,
    ):
        for run in [*left_out, *kept]:
            assert send_spans(collector, run).status_code == 200
        roots = {run[-1].name for run in kept}
        eventually(lambda: jaeger.spans().keys() >= roots, 30, what="the roots of the runs that are kept")
        # what comes late follows the decision
        late = span("late"), span("late, of a run that was left out")
        late[0].trace_id, late[1].trace_id = kept[0][-1].trace_id, left_out[0][-1].trace_id
        assert send_spans(collector, late).status_code == 200
        eventually(lambda: "late" in jaeger.spans(), 30)
        arrived = [one for batch in jaeger.batches for scope in batch.scope_spans for one in scope.spans]
        assert {one.trace_id for one in arrived} == {run[-1].trace_id for run in kept}
        assert len(arrived) == sum(map(len, kept)) + 1, "each with all of its spans, once"
        assert "error" not in collector.output().lower()


def test_of_all_others_a_share_is_kept() -> None:
    settings = SETTINGS | {"COLLECTOR_KEEP_PERCENT": "50"}
    with (
        otlp_receiver() as jaeger,
        running_collector(
            CONFIGURATION, VARIANTS / "tail-sampling.yaml", env=settings | {"JAEGER_ENDPOINT": jaeger.endpoint}
        ) as collector,
    ):
        # 200 coins that all fell on one side would be one chance in 10^60
        send_spans(collector, [span(f"run {number}", trace_id=os.urandom(16)) for number in range(200)])
        send_spans(collector, [span("last", error="so that it is kept")])
        eventually(lambda: "last" in jaeger.spans() and len(jaeger.spans()) > 1, 30)
        assert len(jaeger.spans()) < 200

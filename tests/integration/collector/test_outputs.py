"""Where a real Collector sends what it has: Tempo, files, remote write, and nothing to Jaeger."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from tests.integration.collector.harness import send_spans, span
from tests.integration.service.harness import running_app
from tests.support.otlp.endpoint import Endpoint
from tests.support.otlp.receiver import otlp_receiver
from tests.support.programs.collectors import CONFIGURATION, VARIANTS, running_collector
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path


def test_tempo_gets_what_jaeger_gets() -> None:
    tempo = Endpoint()
    try:
        with otlp_receiver() as jaeger:
            settings = {"JAEGER_ENDPOINT": jaeger.endpoint, "TEMPO_ENDPOINT": tempo.url}
            with running_collector(CONFIGURATION, VARIANTS / "tempo.yaml", env=settings) as collector:
                assert send_spans(collector, [span("work", {"password": "hunter22"})]).status_code == 200
                eventually(lambda: tempo.spans() and jaeger.spans(), 30)
            assert jaeger.spans().keys() == {"work"}
        assert sum(tempo.spans().values()) == 1
        assert b"hunter22" not in b"".join(tempo.bodies)
    finally:
        tempo.close()


def test_without_jaeger() -> None:
    tempo = Endpoint()
    try:
        with otlp_receiver() as jaeger:
            settings = {"JAEGER_ENDPOINT": jaeger.endpoint, "TEMPO_ENDPOINT": tempo.url}
            files = (CONFIGURATION, VARIANTS / "no-jaeger.yaml", VARIANTS / "tempo.yaml")
            with running_collector(*files, env=settings) as collector:
                assert send_spans(collector, [span("work")]).status_code == 200
                eventually(tempo.spans, 30)
            assert not jaeger.batches
    finally:
        tempo.close()


async def test_files_can_be_imported(new_redis_url: str, tmp_path: Path) -> None:
    root = span("root")
    child = span("child", {"n": 1}, trace_id=root.trace_id, parent=root.span_id)
    with running_collector(
        CONFIGURATION, VARIANTS / "file.yaml", env={"COLLECTOR_FILES": str(tmp_path / "files")}
    ) as collector:
        assert send_spans(collector, [root, child]).status_code == 200
    (line,) = (tmp_path / "files" / "traces.jsonl").read_text().splitlines()
    kept = json.loads(line)["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert {one["spanId"] for one in kept} == {root.span_id.hex(), child.span_id.hex()}
    async with running_app(new_redis_url) as client:
        answer = await client.post("/api/runs/import", content=line, headers={"content-type": "application/json"})
        assert answer.json()["runs"] == [root.trace_id.hex()]
        spans = (await client.get(f"/api/traces/{root.trace_id.hex()}")).json()["spans"]
    assert Counter(one["name"] for one in spans) == {"root": 1, "child": 1}

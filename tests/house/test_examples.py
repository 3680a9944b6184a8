"""Each example, run as its docstring says, is a run with the right tree."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.service_process import ServiceProcess, running_service
from tests.support.tools import ROOT
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EXAMPLES = ROOT / "examples"
SOURCES = os.pathsep.join(str(ROOT / part) for part in ("otel", "exporters", "service"))


@pytest.fixture
def service(new_redis_url: str, tmp_path: Path) -> Iterator[ServiceProcess]:
    command = [sys.executable, "-m", "spantail_service", "serve", "--port", "0", "--redis-url", new_redis_url]
    with running_service(command, tmp_path, {"PYTHONPATH": SOURCES}) as process:
        yield process


def _run_example(name: str, environment: dict[str, str]) -> str:
    """Run an example to its end; returns the run id at the end of the address that it prints."""
    answer = subprocess.run(
        [sys.executable, EXAMPLES / name],
        env=os.environ | environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.strip().rpartition("/runs/")[2]


def _settled_trace(service: ServiceProcess, run_id: str) -> dict[str, Any]:
    def listed() -> bool:
        return run_id in {run["run_id"] for run in service.json("/api/runs")["runs"]}

    eventually(listed, timeout_s=20, what=f"run {run_id} in the list")
    eventually(lambda: service.json(f"/api/logs/{run_id}")["status"] not in {"running", "queued"}, timeout_s=20)
    trace: dict[str, Any] = service.json(f"/api/traces/{run_id}")
    return trace


def _tree(trace: dict[str, Any]) -> dict[str, str | None]:
    """Name of every span → name of its parent."""
    names = {span["span_id"]: span["name"] for span in trace["spans"]}
    return {span["name"]: names.get(span["parent_id"]) for span in trace["spans"]}


def test_the_stock_sdk_needs_none_of_our_code(service: ServiceProcess) -> None:
    source = (EXAMPLES / "stock_opentelemetry.py").read_text(encoding="utf-8")
    imported = {
        name.partition(".")[0]
        for node in ast.walk(ast.parse(source))
        for name in (
            [alias.name for alias in node.names] if isinstance(node, ast.Import)
            else [node.module or ""] if isinstance(node, ast.ImportFrom)
            else []
        )
    }  # fmt: skip
    assert imported <= {"opentelemetry"} | sys.stdlib_module_names

    endpoint = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{service.url}/v1/traces"}
    trace = _settled_trace(service, _run_example("stock_opentelemetry.py", endpoint))
    assert _tree(trace) == {
        "answer a question": None,
        "find documents": "answer a question",
        "chat gpt-4o-mini": "answer a question",
        "store the answer": "answer a question",
    }
    spans = {span["name"]: span for span in trace["spans"]}
    assert spans["chat gpt-4o-mini"]["kind"] == "llm_call"
    assert spans["chat gpt-4o-mini"]["tokens"] == {"input": 412, "output": 96}
    assert spans["store the answer"]["status"] == "error"
    assert spans["store the answer"]["error"]["type"] == "TimeoutError"
    assert "traceback" in spans["store the answer"]["error"]
    assert [event["name"] for event in spans["answer a question"]["span_events"]] == ["answer kept in memory"]


def test_the_live_pipeline(service: ServiceProcess, new_redis_url: str) -> None:
    settings = {"SPANTAIL_REDIS_URL": new_redis_url, "SPANTAIL_URL": service.url, "PYTHONPATH": SOURCES}
    run_id = _run_example("live_pipeline.py", settings)
    trace = _settled_trace(service, run_id)
    tree = _tree(trace)
    assert tree["summarise a folder"] is None
    assert tree["read"] == tree["summarise"] == "summarise a folder"
    assert tree["summarise a document"] == "summarise"
    calls = [span for span in trace["spans"] if span["kind"] == "llm_call"]
    assert [call["cost_source"] for call in calls] == ["calculated"] * 5

    tail = service.json(f"/api/logs/{run_id}?limit=1000")
    assert tail["next_index"] == tail["expected_log_count"]
    assert tail["dropped"] == {}
    assert [line["message"] for line in tail["logs"] if line["event"] == "log"] == [
        f"document {number} is short" for number in range(5)
    ]
    assert sum(call["cost_nano"] for call in calls) == tail["backends"]["openai"]["cost_nano"] > 0


def test_every_example_is_tested_and_says_how_to_run_it() -> None:
    names = {path.name for path in EXAMPLES.glob("*.py")}
    assert names == {"stock_opentelemetry.py", "live_pipeline.py"}
    for name in names:
        text = ast.get_docstring(ast.parse((EXAMPLES / name).read_text(encoding="utf-8")))
        assert text is not None
        assert f"python examples/{name}" in text

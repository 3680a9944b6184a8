"""Adapters over a real Redis, in processes of their own: what is stored, however the process ends."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.integration.service.harness import source_environment
from tests.support.runs.live_runs import StoredRun

_HEAD = """
import os, signal, subprocess, sys
import spantail
from spantail.adapters import StructuredLogger, capture_output, create_log_callback, create_operation_run
handle = spantail.configure(service_name="older")
run_id = create_operation_run("job-1", "cv-pipeline")
print(run_id, flush=True)
callback = create_log_callback(run_id)
callback("pipeline_start", {"layers": ["extract", "write"]})
callback("layer_start", {"layer": 1, "layer_name": "extract"})
callback("a plain line")
"""


def run(redis_url: str, program: str) -> tuple[subprocess.CompletedProcess[str], StoredRun]:
    """Run a program to its end; what is stored of the run whose id it printed first."""
    environment = {**source_environment(), "SPANTAIL_REDIS_URL": redis_url}
    answer = subprocess.run(
        [sys.executable, "-c", _HEAD + program],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    found = re.match(r"[0-9a-f]{32}", answer.stdout)
    assert found, answer.stderr
    return answer, StoredRun(redis_url, found.group())


def statuses(stored: StoredRun) -> dict[str, str]:
    return {span["name"]: span["status"] for span in stored.spans.values()}


def lines(stored: StoredRun) -> list[str]:
    return [event["message"] for event in stored.events if event["event"] == "log"]


def test_a_whole_run(redis_url: str) -> None:
    answer, stored = run(
        redis_url,
        """
callback("llm_call_start", {"backend": "claude_cli", "model": "claude-sonnet-4-5"})
callback("llm_call_complete", {"backend": "claude_cli", "cost_usd": 0.0041, "input_tokens": 10, "output_tokens": 2})
callback("job_scored", {"cost_usd": 0.0041, "backend": "claude_cli"})
callback("layer_complete", {"layer": 1, "layer_name": "extract"})
callback("layer_skip", {"layer": 2, "layer_name": "write", "reason": "nothing new"})
callback("pipeline_complete", {"total_cost_usd": 0.0041})
""",
    )
    assert answer.returncode == 0, answer.stderr
    assert statuses(stored) == {
        "cv-pipeline": "ok", "pipeline": "ok", "extract": "ok", "write": "skipped", "chat claude-sonnet-4-5": "ok",
    }  # fmt: skip
    assert stored.meta["status"] == "completed"
    assert {layer["name"]: layer["status"] for layer in stored.layers} == {"extract": "complete", "write": "skipped"}
    assert sum(span.get("cost_nano", 0) for span in stored.spans.values()) == 4_100_000
    assert {"llm_call_complete", "job_scored", "layer_complete", "layer_skip"} <= set(stored.names())
    assert lines(stored) == ["a plain line"]


@pytest.mark.parametrize(
    ("program", "code"),
    [("", 0), ("raise SystemExit(3)", 3), ("raise ValueError('x')", 1), ("os.kill(os.getpid(), signal.SIGINT)", -2)],
    ids=["end", "exit", "exception", "Ctrl-C"],
)
def test_a_process_that_ends_before_it_said_how_the_run_went(redis_url: str, program: str, code: int) -> None:
    answer, stored = run(redis_url, program)
    assert answer.returncode == code, answer.stderr
    assert statuses(stored) == {"cv-pipeline": "cancelled", "pipeline": "cancelled", "extract": "cancelled"}
    reasons = {span["attributes"]["spantail.reason"] for span in stored.spans.values()}
    assert all("no end was reported" in reason for reason in reasons)
    assert stored.meta["status"] == "cancelled"


def test_a_child_that_is_killed_in_the_middle_of_a_line(redis_url: str) -> None:
    child = """
import json, os, signal, sys
print(json.dumps({"event": "llm_call_complete", "backend": "langchain", "model": "m", "cost_usd": 0.25}))
print(json.dumps({"event": "phase_start", "phase": "parse"}))
sys.stdout.write('{"event": "job_sco')
sys.stdout.flush()
os.kill(os.getpid(), signal.SIGKILL)
"""
    answer, stored = run(
        redis_url,
        f"""
child = subprocess.Popen([sys.executable, "-c", {child!r}], stdout=subprocess.PIPE)
with capture_output(child, name="child", run_id=run_id):
    pass
callback("pipeline_complete")
""",
    )
    assert answer.returncode == 0, answer.stderr
    assert statuses(stored) == {
        "cv-pipeline": "ok", "pipeline": "ok", "extract": "cancelled", "child": "error", "parse": "cancelled",
        "chat m": "ok",
    }  # fmt: skip
    spans = {span["name"]: span for span in stored.spans.values()}
    assert spans["child"]["parent_id"] == spans["extract"]["span_id"]
    assert spans["parse"]["parent_id"] == spans["chat m"]["parent_id"] == spans["child"]["span_id"]
    assert (spans["chat m"]["cost_nano"], spans["chat m"]["model"]) == (250_000_000, "m")
    assert spans["child"]["error"]["message"] == "the process ended with signal 9"
    assert lines(stored) == ["a plain line", '{"event": "job_sco']


def test_children_that_are_forked_write_to_the_run_of_their_parent(redis_url: str) -> None:
    answer, stored = run(
        redis_url,
        """
import multiprocessing

def score(number):
    callback("llm_call_complete", {"backend": "openrouter", "cost_usd": 0.5})
    callback("job_scored", {"n": number})

context = multiprocessing.get_context("fork")
children = [context.Process(target=score, args=(number,)) for number in range(2)]
for child in children:
    child.start()
for child in children:
    child.join()
callback("pipeline_complete")
""",
    )
    assert answer.returncode == 0, answer.stderr
    calls = [span for span in stored.spans.values() if span["kind"] == "llm_call"]
    assert [call["cost_nano"] for call in calls] == [500_000_000] * 2
    assert len({span["runner"] for span in stored.spans.values()}) == 3
    assert stored.meta["status"] == "completed"
    short = [span for span in stored.spans.values() if span["name"] == "job_scored"]
    assert sorted(span["attributes"]["n"] for span in short) == [0, 1]

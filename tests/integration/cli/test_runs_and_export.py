"""`spantail runs` and `spantail export` against a real service."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest

from spantail_exporters.model import keys
from tests.integration.service.harness import OTHER_RUN, RUN, START, Service, Writer, spantail_process
from tests.support.commands import run_command

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def service(new_redis_url: str) -> Iterator[Service]:
    with spantail_process("serve", "--port", "0", "--redis-url", new_redis_url) as running:
        running.await_ready()
        yield running


def test_runs_as_a_table_and_as_json(service: Service, new_redis_url: str) -> None:
    empty = run_command(service.url, "runs")
    assert empty.returncode == 0
    assert empty.stdout == ""
    assert "spantail doctor" in empty.stderr
    with Writer(new_redis_url) as writer:
        writer.span(RUN, end=START + 2_000_000, event="operation_complete")
        writer.span(OTHER_RUN, start=START + 1, name="annotate")
    lines = run_command(service.url, "runs").stdout.splitlines()
    assert lines[0].split() == ["run", "name", "status", "cost", "errors", "spans", "took", "started"]
    assert lines[1].split()[:4] == ["◐", OTHER_RUN[:8], "annotate", "running"]
    assert lines[2].split()[:5] == ["✓", RUN[:8], "job", "search", "completed"]
    assert max(map(len, lines)) <= 80
    found = [orjson.loads(line) for line in run_command(service.url, "runs", "--json").stdout.splitlines()]
    assert [run["run_id"] for run in found] == [OTHER_RUN, RUN]
    assert len(run_command(service.url, "runs", "-n", "1").stdout.splitlines()) == 2
    running = run_command(service.url, "runs", "--status", "running", "--json").stdout.splitlines()
    assert [orjson.loads(line)["run_id"] for line in running] == [OTHER_RUN]
    assert run_command(service.url, "runs", "--status", "late").returncode == 2


def test_runs_of_an_environment_and_a_version(service: Service, new_redis_url: str) -> None:
    with Writer(new_redis_url) as writer:
        for run_id, environment in ((RUN, "production"), (OTHER_RUN, "test")):
            writer.span(run_id, resource="0")
            table = {"attributes": {"deployment.environment.name": environment, "service.version": "1.2"}}
            writer.redis.hset(keys.run_keys(run_id).sources, "r:0", orjson.dumps(table))

    def ids(*options: str) -> list[str]:
        lines = run_command(service.url, "runs", "--json", *options).stdout.splitlines()
        return sorted(orjson.loads(line)["run_id"] for line in lines)

    assert ids("--environment", "production") == [RUN]
    assert ids("--version", "1.2") == sorted([RUN, OTHER_RUN])
    assert ids("--version", "1.2", "--environment", "test") == [OTHER_RUN]
    assert "No run fits." in run_command(service.url, "runs", "--version", "1").stderr


def test_export_to_a_pipe_and_to_a_file(service: Service, new_redis_url: str, tmp_path: Path) -> None:
    with Writer(new_redis_url) as writer:
        writer.span(RUN, end=START + 2_000_000, event="operation_complete")
    otlp = run_command(service.url, "export", RUN)
    assert otlp.returncode == 0, otlp.stderr
    assert "resourceSpans" in orjson.loads(otlp.stdout)
    perfetto = run_command(service.url, "export", RUN[:6], "--format", "perfetto")
    assert "traceEvents" in orjson.loads(perfetto.stdout)
    target = tmp_path / "run.ndjson"
    done = run_command(service.url, "export", RUN, "-f", "ndjson", "-o", str(target))
    assert done.returncode == 0
    assert done.stdout == ""
    assert all(isinstance(orjson.loads(line), dict) for line in target.read_bytes().splitlines())
    assert [file.name for file in tmp_path.iterdir()] == ["run.ndjson"]


def test_a_failed_export_leaves_no_file_and_keeps_the_old_one(service: Service, tmp_path: Path) -> None:
    target = tmp_path / "run.json"
    target.write_text("kept", encoding="utf-8")
    assert run_command(service.url, "export", RUN, "-o", str(target)).returncode == 6
    assert target.read_text(encoding="utf-8") == "kept"
    assert len(list(tmp_path.iterdir())) == 1

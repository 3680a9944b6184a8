"""`spantail run`: a program is started so that it is seen, and ends as it would have ended by itself."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx
import pytest

from bench.support.ports import free_port
from tests.integration.service.harness import Service, spantail_process
from tests.support.commands import SPANTAIL, command_environment, run_command
from tests.support.tools import ROOT
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LINK = re.compile(r"^spantail: (http://\S+/runs/([0-9a-f]{32}))  (.*)$", re.MULTILINE)

STOCK = """
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
for name in ("first", "second"):
    with provider.get_tracer("stock").start_as_current_span(name):
        pass
provider.shutdown()
"""

PLAIN = """
from opentelemetry import trace
with trace.get_tracer("plain").start_as_current_span("plain work"):
    print("working")
"""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A service with a Redis of its own, in a folder whose name a shell has to be told of."""
    with spantail_process("serve", "--port", "0", "--data-dir", str(tmp_path / "own data's")) as running:
        running.await_ready()
        yield running
        assert running.stop() == 0


def _named(url: str, run_id: str) -> str:
    name: str = httpx.get(f"{url}/api/runs/{run_id}").json()["name"]
    return name


def test_an_app_of_ours_is_live_and_its_link_is_told(service: Service) -> None:
    done = run_command(service.url, "run", "--", sys.executable, str(ROOT / "examples" / "live_pipeline.py"))
    assert done.returncode == 0, done.stderr
    (link,) = LINK.findall(done.stderr)
    assert link == (done.stdout.strip(), link[1], "summarise a folder")
    run = httpx.get(f"{service.url}/api/runs/{link[1]}").json()
    assert run["service"] == "live-example"
    spans = httpx.get(f"{service.url}/api/traces/{link[1]}").json()["spans"]
    assert all(span["runner"] for span in spans), "by the live way, which names the process"


def test_a_program_that_knows_nothing_of_us_comes_by_otlp(service: Service, tmp_path: Path) -> None:
    (tmp_path / "stock_app.py").write_text(STOCK, encoding="utf-8")
    done = run_command(service.url, "run", "--", sys.executable, str(tmp_path / "stock_app.py"))
    assert done.returncode == 0, done.stderr
    links = LINK.findall(done.stderr)
    assert sorted(name for _, _, name in links) == ["first", "second"]
    assert {httpx.get(f"{service.url}/api/runs/{run_id}").json()["service"] for _, run_id, _ in links} == {"stock_app"}


def test_a_program_without_any_set_up_is_instrumented_when_asked(service: Service, tmp_path: Path) -> None:
    (tmp_path / "plain.py").write_text(PLAIN, encoding="utf-8")
    command = [sys.executable, str(tmp_path / "plain.py")]
    unseen = run_command(service.url, "run", "--", *command)
    assert (unseen.returncode, unseen.stdout) == (0, "working\n")
    assert "spantail run --instrument" in unseen.stderr
    done = run_command(service.url, "run", "--instrument", "--", *command)
    assert (done.returncode, done.stdout) == (0, "working\n"), done.stderr
    ((_, run_id, name),) = LINK.findall(done.stderr)
    assert name == "plain work"
    (span,) = httpx.get(f"{service.url}/api/traces/{run_id}").json()["spans"]
    assert span["runner"], "live"


def test_a_run_of_somebody_else_is_not_taken_for_the_program_s(service: Service, tmp_path: Path) -> None:
    (tmp_path / "other_app.py").write_text(STOCK, encoding="utf-8")
    script = f"OTEL_RESOURCE_ATTRIBUTES= OTEL_SERVICE_NAME=somebody {shlex.quote(sys.executable)} other_app.py"
    done = subprocess.run(
        [*SPANTAIL, "run", "--", "/bin/sh", "-c", script],
        cwd=tmp_path, env=command_environment(service.url), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert len(httpx.get(f"{service.url}/api/runs").json()["runs"]) == 2
    assert not LINK.findall(done.stderr)


def test_streams_pass_and_the_exit_code_is_the_program_s(service: Service) -> None:
    done = subprocess.run(
        [*SPANTAIL, "run", "--", "/bin/sh", "-c", 'cat; echo "$1" >&2; exit 7', "sh", "--help"],
        input="through\n", env=command_environment(service.url), capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (7, "through\n")
    assert "--help\n" in done.stderr
    assert run_command(service.url, "run", "--", "/no/such/program").returncode == 127
    assert run_command(service.url, "run", "--", str(ROOT / "README.md")).returncode == 126
    assert run_command(service.url, "run", "--", "/bin/sh", "-c", "kill -KILL $$").returncode == 128 + 9


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_reach_the_program(service: Service, number: signal.Signals) -> None:
    script = f"trap 'echo caught; exit 3' {number.name.removeprefix('SIG')}; echo ready; while :; do sleep 0.05; done"
    with subprocess.Popen(
        [*SPANTAIL, "run", "--", "/bin/sh", "-c", script],
        env=command_environment(service.url), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.stdout.read() == "caught\n"
        assert process.wait(30) == 3


def test_without_a_service_the_program_runs_all_the_same() -> None:
    done = run_command(f"http://127.0.0.1:{free_port()}", "run", "--", "/bin/sh", "-c", "echo ${OTEL_SERVICE_NAME-no}")
    assert (done.returncode, done.stdout) == (0, "no\n")
    assert "spantail serve" in done.stderr


def test_the_token_goes_along_and_is_not_shown(tmp_path: Path) -> None:
    token = "hush-%,=" * 4
    (tmp_path / "stock_app.py").write_text(STOCK, encoding="utf-8")
    data = str(tmp_path / "data")
    with spantail_process("serve", "--port", "0", "--data-dir", data, SPANTAIL_TOKEN=token) as service:
        service.await_ready()
        done = run_command(
            service.url, "run", "--", sys.executable, str(tmp_path / "stock_app.py"), SPANTAIL_TOKEN=token
        )
        assert len(LINK.findall(done.stderr)) == 2, done.stderr
        assert token not in done.stderr + service.output
        assert service.stop() == 0


def test_the_line_to_paste_works(service: Service) -> None:
    """What the start and the doctor say is taken by a shell as it stands, and another program is seen by it."""
    (line,) = (line.split(maxsplit=1)[1] for line in service.lines if "SPANTAIL_REDIS_URL" in line)
    assert line.startswith("export SPANTAIL_REDIS_URL=unix://")
    reported = run_command(service.url, "doctor", "--no-probe").stdout
    assert line in [one.strip() for one in reported.splitlines()]
    script = f"{line}\nexec {shlex.quote(sys.executable)} examples/live_pipeline.py"
    environment = {k: v for k, v in command_environment(service.url).items() if k != "SPANTAIL_REDIS_URL"}
    done = subprocess.run(
        ["/bin/sh", "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    run_id = done.stdout.strip().rpartition("/")[2]
    assert eventually(lambda: _named(service.url, run_id)) == "summarise a folder"
    assert done.stdout.startswith(service.url)

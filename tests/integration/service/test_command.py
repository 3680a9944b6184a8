"""The `spantail` command, as a process."""

from __future__ import annotations

import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import httpx
import psutil
import pytest

from bench.support.ports import free_port
from tests.integration.service.harness import RUN, Writer, source_environment, spantail_process
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

LONGEST_START_CPU_S = 5.0


def test_version_and_help() -> None:
    for arguments, words in (
        (["version"], ["spantail "]),
        (["--help"], ["serve", "demo", "version"]),
        (["serve", "--help"], ["--host", "--port", "--data-dir", "--redis-url", "SPANTAIL_PORT"]),
    ):
        with spantail_process(*arguments) as service:
            assert service.ended() == 0
            for word in words:
                assert word in service.output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_with_a_redis_of_its_own(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "elsewhere").mkdir()
    with spantail_process(
        "serve", "--port", "0", "--data-dir", str(tmp_path / "data"), cwd=tmp_path / "elsewhere"
    ) as service:
        service.await_ready()
        assert httpx.get(f"{service.url}/readyz").json() == {"status": "ready", "demo": False}
        assert str(tmp_path / "data") in service.output
        (line,) = [text.split(maxsplit=1)[1] for text in service.lines if text.split()[:1] == ["run"]]
        program, *words = shlex.split(line)
        assert shutil.which(program), "whoever pastes the line has no such command"
        assert words[-6:] == ["run", "--url", service.url, "--", "python3", "app.py"]
        children = psutil.Process(service.process.pid).children(recursive=True)
        assert children
        assert service.stop(number) == 0
        assert "Traceback" not in service.output
        eventually(lambda: not any(child.is_running() for child in children))
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_the_page_is_there_within_seconds(tmp_path: Path, command: str) -> None:
    """In CPU time, which other work on the machine does not change: this bounds what an idle one waits for."""
    with spantail_process(command, "--port", "0", "--data-dir", str(tmp_path)) as service:
        service.await_ready(60)
        assert httpx.get(service.url).status_code in {200, 404}  # 404: the page is not built here
        process = psutil.Process(service.process.pid)
        times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
        assert sum(one.user + one.system for one in times) < LONGEST_START_CPU_S
        assert service.stop() == 0


def test_a_given_redis_is_left_alone_and_its_password_not_shown(new_redis_url: str) -> None:
    with spantail_process("serve", "--port", "0", SPANTAIL_REDIS_URL=f"{new_redis_url}?client_name=hidden") as service:
        service.await_ready()
        assert "hidden" not in service.output
        assert psutil.Process(service.process.pid).children() == []
        assert httpx.get(f"{service.url}/readyz").status_code == 200
        assert service.stop() == 0


def test_a_stop_does_not_wait_for_long_polls(new_redis_url: str) -> None:
    with Writer(new_redis_url) as writer:
        writer.lines(RUN, 1)
    with spantail_process("serve", "--port", "0", "--redis-url", new_redis_url) as service:
        service.await_ready()
        answers: list[httpx.Response] = []
        url = f"{service.url}/api/logs/{RUN}?since=1&wait=30"
        thread = threading.Thread(target=lambda: answers.append(httpx.get(url, timeout=60)))
        thread.start()
        eventually(lambda: "spantail_viewers 1.0" in httpx.get(f"{service.url}/metrics").text)
        assert service.stop(timeout_s=8) == 0
        thread.join(5)
    assert answers[0].json()["logs"] == []


def test_a_taken_port_is_said_before_anything_is_started(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with spantail_process("serve", "--port", port, "--data-dir", str(tmp_path / "data")) as service:
            assert service.ended() == 2
            assert len(service.lines) == 1
            assert f"Port {port} on 127.0.0.1 is taken." in service.output
            assert "--port" in service.output
            assert "SPANTAIL_PORT" in service.output
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"SPANTAIL_PORT": "many"}, "SPANTAIL_PORT"),
        ({"SPANTAIL_REDIS_URL": "http://user:secret@host"}, "SPANTAIL_REDIS_URL"),
        ({"OTEL_EXPORTER_LIVETAIL_URL": "nonsense-secret"}, "OTEL_EXPORTER_LIVETAIL_URL"),
        ({"SPANTAIL_HIMALAYAS_URL": "file:///etc/passwd"}, "SPANTAIL_HIMALAYAS_URL"),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(environment: dict[str, str], named: str) -> None:
    with spantail_process("serve", cwd=None, **environment) as service:
        assert service.ended() == 2
        assert len(service.lines) == 1
        assert named in service.output
        assert "secret" not in service.output


def test_listening_for_others_is_said(new_redis_url: str) -> None:
    with spantail_process("serve", "--port", "0", "--host", "0.0.0.0", "--redis-url", new_redis_url) as service:
        service.await_ready()
        assert "whoever reaches this address" in service.lines[0]
        assert service.url.startswith("http://127.0.0.1:")
        assert service.stop() == 0


def test_an_unreachable_redis_stops_nobody(tmp_path: Path) -> None:
    url = f"redis://127.0.0.1:{free_port()}/0"
    with spantail_process("serve", "--port", "0", "--redis-url", url) as service:
        service.await_ready()
        assert httpx.get(f"{service.url}/healthz").status_code == 200
        assert httpx.get(f"{service.url}/readyz").status_code == 503
        assert service.stop() == 0
        assert "Traceback" not in service.output


def test_a_redis_that_cannot_start_is_one_clear_message(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with spantail_process("serve", "--port", "0", "--data-dir", str(tmp_path / "file")) as service:
        assert service.ended() in {1, 2}
        assert "Traceback" not in service.output
        assert str(tmp_path / "file") in service.output


def test_demo_shows_work_without_keys_or_network(tmp_path: Path) -> None:
    with spantail_process(
        "demo", "--port", "0", "--data-dir", str(tmp_path), SPANTAIL_CLAUDE_COMMAND="no-such-command"
    ) as service:
        service.await_ready()
        assert "demo data" in service.output
        assert httpx.get(f"{service.url}/readyz").json()["demo"] is True

        def runs() -> list[dict[str, Any]]:
            listed: list[dict[str, Any]] = httpx.get(f"{service.url}/api/runs").json()["runs"]
            return listed

        assert runs() == [], "nobody looks yet"
        with httpx.stream("GET", f"{service.url}/api/runs/events"):
            eventually(lambda: any(run["demo"] and run["cost_nano"] > 0 for run in runs()), 30)
        assert service.stop(signal.SIGINT) == 0
        assert "Traceback" not in service.output


def test_help_comes_at_once() -> None:
    """It imports neither the web framework nor the operations, nor the settings' library."""
    heavy = {"fastapi", "uvicorn", "langchain_openai", "pydantic"}
    code = f"import sys, spantail_service.cli; print({heavy} & set(sys.modules))"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=source_environment()
    )
    assert found.stdout.strip() == "set()"

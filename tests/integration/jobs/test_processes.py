"""`spantail runner` and `spantail serve --runners` as processes, as a user starts them."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import httpx
import orjson
import psutil
import redis

from spantail_exporters.model import keys
from tests.integration.service.harness import source_environment, spantail_process
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

SOON_S = 60.0


def runners(client: redis.Redis) -> dict[str, dict[str, Any]]:
    """What the processes that run operations say of themselves, by their ids."""
    found: dict[str, dict[str, Any]] = {}
    members: Any = client.zrange(keys.RUNNERS, 0, -1)
    for member in members:
        about: Any = client.get(keys.about_runner(member.decode()))
        found[member.decode()] = orjson.loads(about)
    return found


def test_a_runner_without_redis_says_what_is_missing() -> None:
    with spantail_process("runner", SPANTAIL_REDIS_URL="") as process:
        assert process.ended() == 2
        assert "SPANTAIL_REDIS_URL" in process.output


def test_a_runner_has_no_http_in_it() -> None:
    script = "import sys, spantail_service.cli.start_runner; print(*sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", script],
        env=source_environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert not {"fastapi", "starlette", "uvicorn"} & set(answer.stdout.split())


def test_a_runner_beside_a_service_takes_its_items_and_says_goodbye(new_redis_url: str, tmp_path: Path) -> None:
    service = spantail_process("serve", "--port", "0", "--runners", "0", cwd=tmp_path, SPANTAIL_REDIS_URL=new_redis_url)
    beside = spantail_process("runner", "-c", "2", "--redis-url", new_redis_url, cwd=tmp_path)
    with redis.Redis.from_url(new_redis_url) as client, service as serving, beside as runner:
        serving.await_ready()
        runner.await_ready()
        eventually(lambda: len(runners(client)) == 2, SOON_S)
        kinds = {about["kind"]: about["concurrency"] for about in runners(client).values()}
        assert kinds == {"service": 0, "runner": 2}
        with httpx.Client(base_url=serving.url) as http:
            assert http.get("/healthz").status_code == 200
        assert runner.stop() == 0
        assert [about["kind"] for about in runners(client).values()] == ["service"]
        assert serving.stop() == 0
        assert not runners(client)


def test_further_runners_of_a_service_start_and_end_with_it(new_redis_url: str, tmp_path: Path) -> None:
    service = spantail_process("serve", "--port", "0", "--runners", "2", cwd=tmp_path, SPANTAIL_REDIS_URL=new_redis_url)
    with redis.Redis.from_url(new_redis_url) as client, service as serving:
        serving.await_ready()
        eventually(lambda: len(runners(client)) == 2, SOON_S)
        ((_, child),) = [one for one in runners(client).items() if one[1]["kind"] == "runner"]
        psutil.Process(child["pid"]).kill()  # it is replaced

        def others() -> bool:
            alive = [one["pid"] for one in runners(client).values() if psutil.pid_exists(one["pid"])]
            return len(alive) == 2

        eventually(others, SOON_S)
        pids = [one["pid"] for one in runners(client).values() if psutil.pid_exists(one["pid"])]
        assert serving.stop() == 0
        assert not [pid for pid in pids if psutil.pid_exists(pid)]


def test_runners_of_a_killed_service_end_too(new_redis_url: str, tmp_path: Path) -> None:
    service = spantail_process("serve", "--port", "0", "--runners", "2", cwd=tmp_path, SPANTAIL_REDIS_URL=new_redis_url)
    with redis.Redis.from_url(new_redis_url) as client, service as serving:
        serving.await_ready()
        eventually(lambda: len(runners(client)) == 2, SOON_S)
        ((_, child),) = [one for one in runners(client).items() if one[1]["kind"] == "runner"]
        serving.process.send_signal(signal.SIGKILL)
        serving.process.wait(10)
        eventually(lambda: not psutil.pid_exists(child["pid"]), SOON_S, what="the runner has ended")

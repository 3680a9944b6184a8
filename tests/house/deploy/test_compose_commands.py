"""What the containers of compose.yaml would start is started here, without containers, from the same files."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import redis

from spantail_service.settings import Settings
from spantail_service.storage.embedded import EmbeddedRedis
from tests.support.deployment import compose
from tests.support.redis.servers import NEW, VALKEY, binary_named
from tests.support.tools import collector, prometheus, promtool

pytestmark = pytest.mark.xdist_group("compose")


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return compose.services()


@pytest.mark.parametrize("name", ["spantail", "runner"])
def test_the_settings_are_taken(services: dict[str, Any], name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in services[name]["environment"].items():
        monkeypatch.setenv(variable, value)
    settings = Settings()
    assert settings.storage.redis_url == f"redis://:{compose.GIVEN['REDIS_PASSWORD']}@redis:6379/0"
    if name == "spantail":
        assert settings.access.token is not None
        assert settings.jobs.runners == 0


@pytest.mark.parametrize("version", [VALKEY, NEW])
def test_redis_takes_its_file(services: dict[str, Any], version: str, tmp_path: Path) -> None:
    service, password = services["redis"], compose.GIVEN["REDIS_PASSWORD"]
    program, file, *options = (compose.here(service, part) for part in service["command"])
    assert program == "valkey-server"
    assert options[-2:] == ["--requirepass", password]
    server = EmbeddedRedis(tmp_path, binary=binary_named(version), arguments=("--include", file, *options[:-2]))
    with server, redis.Redis.from_url(server.url, decode_responses=True) as client:
        kept = client.config_get("maxmemory*") | client.config_get("append*") | client.config_get("save")
        assert (kept["maxmemory-policy"], kept["maxmemory"]) == ("noeviction", str(1_536 * 2**20))
        assert (kept["appendonly"], kept["save"]) == ("yes", "")


def test_the_collector_takes_its_files_and_its_variables(services: dict[str, Any], tmp_path: Path) -> None:
    service = services["otel-collector"]
    files = [compose.here(service, part) for part in service["command"]]
    environment = {**os.environ, **service["environment"], "COLLECTOR_STORAGE": str(tmp_path)}
    answer = subprocess.run(
        [collector(), "validate", *files], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (answer.returncode, answer.stderr) == (0, "")


def test_prometheus_finds_the_token_that_its_first_command_writes(services: dict[str, Any], tmp_path: Path) -> None:
    service, token = services["prometheus"], tmp_path / "spantail-token"
    shell, option, script, name = service["entrypoint"]
    command = [shell, option, script.replace(compose.TOKEN_FILE, str(token)), name]
    answer = subprocess.run(
        [*command, "--version"],
        env={**os.environ, **service["environment"], "PATH": f"{Path(prometheus()).parent}:{os.environ['PATH']}"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.startswith("prometheus, version"), "it goes on with what the image would start"
    assert token.read_text(encoding="ascii") == compose.GIVEN["SPANTAIL_TOKEN"]
    assert token.stat().st_mode & 0o777 == 0o600


def test_prometheus_takes_its_file(services: dict[str, Any], tmp_path: Path) -> None:
    service, token = services["prometheus"], tmp_path / "spantail-token"
    token.touch()
    (option,) = (compose.here(service, part) for part in service["command"] if part.startswith("--config.file="))
    path = Path(option.partition("=")[2])
    for rules in ("recording.yml", "alerts.yml"):
        (tmp_path / rules).symlink_to(path.parent / rules)
    copy = tmp_path / path.name
    copy.write_text(path.read_text(encoding="utf-8").replace(compose.TOKEN_FILE, str(token)), encoding="utf-8")
    answer = subprocess.run(
        [promtool(), "check", "config", copy], capture_output=True, text=True, timeout=60, check=False
    )
    assert answer.returncode == 0, answer.stderr

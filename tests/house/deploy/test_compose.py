"""compose.yaml as Docker Compose reads it: by the library that its command `config` is made of, and by its schema."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from spantail_service.settings import setting_rows
from tests.support.deployment import compose
from tests.support.deployment.compose import COMPOSE, GIVEN, TOKEN_FILE
from tests.support.tools import ROOT, deploy_checks

EXAMPLE: Final = ROOT / "deploy" / "compose.env.example"

pytestmark = pytest.mark.xdist_group("compose")


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return compose.services()


def test_it_meets_the_schema_of_compose() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    packages = {**os.environ, "PYTHONPATH": str(deploy_checks() / "python")}
    answer = subprocess.run(command, env=packages, capture_output=True, text=True, timeout=60, check=False)
    assert answer.returncode == 0, answer.stdout


@pytest.mark.parametrize("name", sorted(GIVEN))
def test_it_does_not_start_without_its_secrets(name: str) -> None:
    answer = compose.read({**GIVEN, name: ""})
    assert answer.returncode != 0
    assert f"{name} is missing a value: set it in deploy/.env" in answer.stderr


def test_the_example_of_its_variables_names_them_all() -> None:
    used = set(re.findall(r"\$\{(\w+)", COMPOSE.read_text(encoding="utf-8")))
    assert set(re.findall(r"(?m)^(\w+)=", EXAMPLE.read_text(encoding="utf-8"))) == used


def test_every_file_that_is_mounted_is_there(services: dict[str, Any]) -> None:
    binds = [one for service in services.values() for one in service.get("volumes", []) if one["type"] == "bind"]
    assert len(binds) > 5
    assert not [one["source"] for one in binds if not Path(one["source"]).exists()]
    assert all(one["read_only"] for one in binds)


def test_every_variable_that_is_set_is_a_setting(services: dict[str, Any]) -> None:
    """Of Spantail by its settings, of the Collector by what its configuration asks for."""
    ours = {row.name for row in setting_rows()} | {"OTEL_EXPORTER_OTLP_ENDPOINT"}
    for name in ("spantail", "runner"):
        assert set(services[name]["environment"]) <= ours
    files = [one["source"] for one in services["otel-collector"]["volumes"] if one["type"] == "bind"]
    asked = {found for path in files for found in re.findall(r"\$\{env:(\w+)", Path(path).read_text(encoding="utf-8"))}
    assert set(services["otel-collector"]["environment"]) <= asked


def test_ports_are_published_on_loopback_alone_and_none_twice(services: dict[str, Any]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert {port["host_ip"] for port in ports} == {"127.0.0.1"}
    published = [port["published"] for port in ports]
    assert len(published) == len(set(published)) > 5


def test_every_container_is_confined(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["logging"]["options"], name
        assert not service.get("privileged"), name
        assert "docker.sock" not in str(service.get("volumes")), name


def test_every_image_is_named_by_version_but_ours(services: dict[str, Any]) -> None:
    images = {service["image"] for service in services.values()} - {"spantail"}
    assert all(re.fullmatch(r"[\w./-]+:v?\d+\.\d[\w.-]*", image) for image in images)


def test_the_collector_is_the_one_that_is_tested(services: dict[str, Any]) -> None:
    (go_mod,) = (ROOT / "deploy" / "collector").rglob("go.mod")
    (tested,) = re.findall(
        r"(?m)^\s*go\.opentelemetry\.io/collector/otelcol v([\d.]+)", go_mod.read_text(encoding="utf-8")
    )
    assert services["otel-collector"]["image"].endswith(f":{tested}")
    jaeger = (ROOT / "deploy" / "jaeger" / "go.mod").read_text(encoding="utf-8")
    (tested,) = re.findall(r"github\.com/jaegertracing/jaeger v([\d.]+)", jaeger)
    assert services["jaeger"]["image"].endswith(f":{tested}")


def test_a_stop_gives_the_time_that_the_settings_say(services: dict[str, Any]) -> None:
    from spantail_service.settings import Settings

    defaults = Settings(redis_url="redis://127.0.0.1:1/0")
    drain_s = float(services["runner"]["environment"]["SPANTAIL_RUNNER_DRAIN_S"])
    assert _seconds(services["spantail"]["stop_grace_period"]) > defaults.server.shutdown_s
    assert _seconds(services["runner"]["stop_grace_period"]) > drain_s + 5


def _seconds(text: str) -> float:
    """Go's notation of a time, as far as it stands here: `1m30s`."""
    units = {"h": 3600.0, "m": 60.0, "s": 1.0}
    return sum(float(number) * units[unit] for number, unit in re.findall(r"([\d.]+)([hms])", text))


def test_prometheus_reads_with_a_token_what_it_reads_without() -> None:
    plain, with_token = (
        yaml.safe_load((ROOT / "deploy" / "prometheus" / name).read_text(encoding="utf-8"))
        for name in ("prometheus.yml", "with-token.yml")
    )
    jobs = {job["job_name"]: job for job in with_token["scrape_configs"]}
    assert jobs["spantail"].pop("authorization") == {"credentials_file": TOKEN_FILE}
    assert with_token == plain
    assert f">{TOKEN_FILE} " in COMPOSE.read_text(encoding="utf-8")


def test_each_container_finds_the_others_by_the_names_that_their_files_use(services: dict[str, Any]) -> None:
    named = set()
    for service in services.values():
        for one in service.get("volumes", []):
            source = Path(one["source"])
            files = [source] if source.is_file() else [*source.rglob("*.yml"), *source.rglob("*.yaml")]
            for path in files if one["type"] == "bind" else ():
                if path.parent.name == "tests":  # promtool's cases
                    continue
                text = re.sub(r"#.*", "", path.read_text(encoding="utf-8"))
                named |= set(re.findall(r"\b([a-z][a-z-]*):\d{4,5}\b", text))
        named |= set(re.findall(r"(?:@|//|: ?')([a-z][a-z-]*):\d{4}", str(service.get("environment"))))
    assert named >= {"spantail", "redis", "jaeger", "tempo", "prometheus", "otel-collector"}
    assert named - {"http", "localhost"} <= set(services)

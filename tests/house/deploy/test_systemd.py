"""The units: systemd itself reads them, and says how exposed they are."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.request
from ctypes.util import find_library
from pathlib import Path
from typing import Final

import pytest

from spantail_service.cli import cli
from spantail_service.settings import Settings, setting_rows
from tests.integration.service.harness import source_environment
from tests.support.service.process import running_service
from tests.support.strict import missing
from tests.support.tools import ROOT, systemd_analyze
from tests.support.waiting import eventually

FOLDER: Final = ROOT / "deploy" / "systemd"
UNITS: Final = sorted(FOLDER.glob("*.service"))
MOST_EXPOSED: Final = "20"
"""Tenths of systemd's measure, from 0 (nothing) to 100 (everything); its own judgement of up to 2.0 is OK."""


def _unit(unit: Path, folder: Path) -> Path:
    """A copy that starts what is installed here; a template becomes its first instance."""
    text = unit.read_text(encoding="utf-8")
    copy = folder / unit.name.replace("@", "@1")
    copy.write_text(text.replace("/opt/spantail/bin/", f"{Path(sys.executable).parent}/"), encoding="utf-8")
    return copy


@pytest.mark.parametrize("unit", UNITS, ids=[unit.stem for unit in UNITS])
def test_systemd_reads_it_without_a_word(unit: Path, tmp_path: Path) -> None:
    copy = _unit(unit, tmp_path)
    answer = subprocess.run(
        [systemd_analyze(), "verify", copy], capture_output=True, text=True, timeout=60, check=False
    )
    said = [line for line in answer.stderr.splitlines() if copy.name in line]  # not of the units of this machine
    assert (answer.returncode, said) == (0, [])


@pytest.mark.parametrize("unit", UNITS, ids=[unit.stem for unit in UNITS])
def test_it_is_confined(unit: Path, tmp_path: Path) -> None:
    command = [systemd_analyze(), "security", "--offline=true", "--no-pager", f"--threshold={MOST_EXPOSED}"]
    answer = subprocess.run([*command, _unit(unit, tmp_path)], capture_output=True, text=True, timeout=60, check=False)
    assert answer.returncode == 0, answer.stdout


@pytest.mark.parametrize("unit", UNITS, ids=[unit.stem for unit in UNITS])
def test_it_names_settings_and_commands_that_exist(unit: Path) -> None:
    text = unit.read_text(encoding="utf-8")
    (command,) = re.findall(r"(?m)^ExecStart=/opt/spantail/bin/spantail (\w+)$", text)
    assert command in {one.callback.__name__ for one in cli.registered_commands if one.callback is not None}
    text += (FOLDER / "spantail.env.example").read_text(encoding="utf-8")
    named = set(re.findall(r"(?m)(?:^|[ =])(SPANTAIL_\w+)=", text))
    assert len(named) > 6
    assert named <= {row.name for row in setting_rows()} | {"SPANTAIL_SPOOL_DIR"}


def test_the_example_of_settings_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    example = (FOLDER / "spantail.env.example").read_text(encoding="utf-8")
    given = dict(re.findall(r"(?m)^(\w+)=(.*)$", example))
    for variable, value in given.items():
        monkeypatch.setenv(variable, value)
    settings = Settings()
    assert settings.storage.redis_url == given["SPANTAIL_REDIS_URL"]
    assert settings.access.token is None, "an empty one is none"


def test_a_stop_gives_the_time_that_the_settings_say() -> None:
    defaults = Settings(redis_url="redis://127.0.0.1:1/0")
    stops = {
        unit.stem: float(found)
        for unit in UNITS
        for found in re.findall(r"(?m)^TimeoutStopSec=(\d+)$", unit.read_text(encoding="utf-8"))
    }
    assert stops["spantail"] > defaults.server.shutdown_s
    assert stops["spantail-runner@"] > defaults.jobs.runner_drain_s + 5


def _under(unit: Path, *command: str) -> list[str]:
    systemd_analyze()
    if find_library("seccomp") is None:
        missing("no libseccomp, which systemd needs: install your system's package libseccomp2")
    return [sys.executable, "-m", "tests.support.deployment.unit_filter", str(unit), *command]


def test_the_filter_refuses_what_it_should() -> None:
    script = "import os\ntry:\n    os.chroot('/')\nexcept OSError as error:\n    print(error.strerror)"
    answer = subprocess.run(
        _under(FOLDER / "spantail.service", sys.executable, "-c", script),
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "Operation not permitted\n", "")


@pytest.mark.slow
def test_the_service_works_under_its_filter_of_system_calls(tmp_path: Path) -> None:
    """With its own Redis, OTLP/gRPC and an operation from start to end; on demo data, for there is no network."""
    serve = [sys.executable, "-m", "spantail_service", "demo", "--port", "0", "--data-dir", "data"]
    environment = {"PYTHONPATH": f"{ROOT}:{source_environment()['PYTHONPATH']}", "SPANTAIL_OTLP_GRPC_PORT": "0"}
    with running_service(_under(FOLDER / "spantail.service", *serve), tmp_path, environment) as service:
        assert service.json("/readyz")["status"] == "ready"
        body = json.dumps({"job_titles": ["python developer"], "max_results": 3}).encode()
        asked = urllib.request.Request(
            f"{service.url}/api/jobs/search", data=body, headers={"content-type": "application/json"}
        )
        with urllib.request.urlopen(asked, timeout=30) as answer:
            run_id = json.load(answer)["run_id"]
        eventually(lambda: service.json(f"/api/runs/{run_id}")["status"] == "completed", 60, what="the run has ended")

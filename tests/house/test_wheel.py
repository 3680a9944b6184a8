"""The wheel is enough: installed into an empty environment it serves the page from any folder."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import psutil
import pytest

from spantail.version import __version__
from tests.support.service.process import running_service
from tests.support.strict import missing
from tests.support.tools import ROOT
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("wheel")]

RUNTIME_LOCK = ROOT / "deploy" / "locks" / "runtime.txt"
EMBEDDED_LOCK = ROOT / "deploy" / "locks" / "embedded.txt"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this checkout with its page."""
    if not (ROOT / "service" / "spantail_service" / "static" / "index.html").exists():
        missing("the page has not been built: `make install` does it")
    folder = tmp_path_factory.mktemp("wheel")
    _run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder), cwd=ROOT)
    (built,) = folder.iterdir()
    return built


def _run(*command: str, cwd: Path, timeout_s: float = 300) -> str:
    answer = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=timeout_s, check=False)
    assert answer.returncode == 0, f"{command}\n{answer.stdout}\n{answer.stderr}"
    return answer.stdout


def _environment(folder: Path, python: str = sys.executable) -> Path:
    _run(python, "-m", "venv", str(folder), cwd=folder.parent)
    return folder / "bin"


def _python(version: str) -> str:
    """A Python of that version: ours, or one on PATH; the test is skipped without one."""
    for name in (sys.executable, f"python{version}"):
        found = shutil.which(name)
        if found is None:
            continue
        answer = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=30, check=False)
        if answer.stdout.startswith(f"Python {version}."):
            return found
    pytest.skip(f"no python{version} on PATH")


def _pip(bin_dir: Path, *arguments: str) -> str:
    return _run(str(bin_dir / "python"), "-m", "pip", "--disable-pip-version-check", *arguments, cwd=bin_dir)


def test_it_carries_what_is_needed_and_no_more(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        page = archive.read("spantail_service/static/index.html").decode()
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {
        "spantail", "spantail_exporters", "spantail_service"
    }  # fmt: skip
    for name in ("spantail/py.typed", "spantail_exporters/py.typed", "spantail_service/py.typed"):
        assert name in names
    assert "spantail_exporters/model/scripts/append/write.lua" in names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    for asset in re.findall(r'(?:src|href)="/?(assets/[^"]+)"', page):
        assert f"spantail_service/static/{asset}" in names
    assert not [name for name in names if name.endswith((".map", ".pyc", ".ts"))]
    assert wheel.name.startswith(f"spantail-{__version__}-")


def test_the_library_alone_is_small_and_its_command_says_what_is_missing(wheel: Path, tmp_path: Path) -> None:
    bin_dir = _environment(tmp_path / "env")
    # The lock's versions without its hashes: pip checks hashes for all requirements or for none.
    versions = re.findall(r"(?m)^([\w.-]+==\S+)", RUNTIME_LOCK.read_text(encoding="utf-8"))
    (tmp_path / "constraints.txt").write_text("\n".join(versions), encoding="utf-8")
    _pip(bin_dir, "install", "--quiet", "--constraint", str(tmp_path / "constraints.txt"), str(wheel))

    _run(str(bin_dir / "python"), "-c", "import spantail, spantail_exporters.livetail", cwd=tmp_path)
    answer = subprocess.run([bin_dir / "spantail"], capture_output=True, text=True, timeout=60, check=False)
    assert answer.returncode == 2
    assert "pip install 'spantail[service]'" in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13", "3.14"])
def test_an_empty_environment_and_an_empty_folder_are_enough(wheel: Path, tmp_path: Path, version: str) -> None:
    bin_dir = _environment(tmp_path / "env", _python(version))
    _pip(bin_dir, "install", "--quiet", "--require-hashes", "-r", str(RUNTIME_LOCK), "-r", str(EMBEDDED_LOCK))
    locked = set(_pip(bin_dir, "freeze").splitlines())
    _pip(bin_dir, "install", "--quiet", f"{wheel}[service,embedded,langchain]")
    added = set(_pip(bin_dir, "freeze").splitlines()) - locked
    assert [line.partition(" @ ")[0] for line in added] == ["spantail"], "the lock lacks something"
    _pip(bin_dir, "check")

    folder = tmp_path / "empty"
    folder.mkdir()
    assert _run(str(bin_dir / "spantail"), "version", cwd=folder).startswith(f"spantail {__version__} ")

    command = [str(bin_dir / "spantail"), "demo", "--port", "0", "--data-dir", "data"]
    with running_service(command, folder) as service:
        assert b"<title>" in service.get("/")
        assert service.json("/readyz")["status"] == "ready"
        runs = eventually(lambda: service.json("/api/runs")["runs"], timeout_s=30, what="demo work")
        assert service.json(f"/api/logs/{runs[0]['run_id']}")["run_id"] == runs[0]["run_id"]
        started = psutil.Process(service.process.pid).children(recursive=True)
        assert started, "an embedded Redis at least"
    assert psutil.wait_procs(started, timeout=10)[1] == []
    assert {path.name for path in folder.iterdir()} == {"data", "output.log"}

"""The image: no container engine is at hand, so its Dockerfile is checked, and its commands are run without one.

They run under bubblewrap, with this machine's Python in place of the base image, and then as the image does: another
user without any right, a file system that cannot be written.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from bench.support.ports import free_port
from spantail_service.settings import Settings
from tests.support.deployment.bubble import TEMPORARY, as_user, run_in_system
from tests.support.deployment.dockerfile import context, stages
from tests.support.strict import missing
from tests.support.tools import ROOT, deploy_checks
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCKERFILE: Final = ROOT / "deploy" / "Dockerfile"
STATE: Final = "/var/lib/spantail"
PAGE: Final = ROOT / "service" / "spantail_service" / "static"

pytestmark = pytest.mark.xdist_group("image")


def test_hadolint_has_nothing_to_say() -> None:
    hadolint = deploy_checks() / "python" / "bin" / "hadolint"
    answer = subprocess.run([hadolint, DOCKERFILE], capture_output=True, text=True, timeout=60, check=False)
    assert (answer.returncode, answer.stdout + answer.stderr) == (0, "")


def test_base_images_are_named_by_version_and_node_is_new_enough() -> None:
    images = [stage.image for stage in stages(DOCKERFILE)]
    assert all(re.fullmatch(r"[a-z]+:\d[\w.-]+", image) for image in images)
    (node,) = {image for image in images if image.startswith("node:")}
    (oldest,) = re.findall(r"(?m)^oldest_major=(\d+)$", (ROOT / "deploy" / "node").read_text(encoding="utf-8"))
    assert int(node.removeprefix("node:").partition("-")[0]) >= int(oldest)


def test_all_that_is_copied_is_sent_and_nothing_else() -> None:
    sent = context(ROOT / "deploy" / "Dockerfile.dockerignore")
    copies = [copy for stage in stages(DOCKERFILE) for copy in stage.copies() if not copy.stage]
    copied = {source for copy in copies for source in copy.sources}
    used = {name for name in sent if any(name == one or name.startswith(f"{one}/") for one in copied)}
    assert {one for one in copied if any(name == one or name.startswith(f"{one}/") for name in sent)} == copied
    assert {Path(name).parent for name in sent - used} <= {Path("deploy/locks")}
    assert not {name for name in sent if ".env" in name or "node_modules" in name or "/test/" in name}
    folders = ("frontend/src", "frontend/public", "otel", "exporters", "service/spantail_service/jobs")
    for folder in folders:
        files = {path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts}
        assert {str(path.relative_to(ROOT)) for path in files} <= sent, folder


def test_it_is_no_root_and_keeps_what_it_writes_in_one_folder() -> None:
    last = stages(DOCKERFILE)[-1]
    assert last.one("USER") == "10001:10001"
    assert last.one("WORKDIR") == STATE
    places = {name: value for name, value in last.environment().items() if name.endswith(("HOME", "_DIR"))}
    assert places
    assert all(value.startswith(STATE) for value in places.values())


def test_its_ports_and_its_signal_are_those_of_the_service() -> None:
    last = stages(DOCKERFILE)[-1]
    server = Settings(redis_url="redis://127.0.0.1:1/0").server
    assert last.one("EXPOSE").split() == [str(server.port), str(server.otlp_grpc_port)]
    assert f'"SPANTAIL_PORT\\", {server.port}' in last.one("HEALTHCHECK").replace('\\"SP', '"SP')
    assert last.one("STOPSIGNAL") == "SIGTERM"


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the stage of the packages leaves in /opt/spantail, made by its own commands from what it copies."""
    if not (PAGE / "index.html").exists():
        missing("the page has not been built: `make install` does it")
    folder = tmp_path_factory.mktemp("image")
    binds = {place: folder / place.strip("/") for place in ("/src", "/opt/spantail", "/wheel")}
    for path in binds.values():
        path.mkdir(parents=True)
    _, stage, _ = stages(DOCKERFILE)
    for copy in stage.copies():
        for name in copy.sources if copy.stage is None else ():
            target = binds["/src"] / copy.target / (Path(name).name if copy.target.endswith("/") else "")
            _copy(ROOT / name, target)
    shutil.copytree(PAGE, binds["/src"] / PAGE.relative_to(ROOT))  # of the stage before, as `make` has built it
    for command in stage.all("RUN"):
        answer = run_in_system(["/bin/sh", "-c", command], binds, working_directory="/src", timeout_s=300)
        assert answer.returncode == 0, f"{command}\n{answer.stdout}\n{answer.stderr}"
    return binds["/opt/spantail"]


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "static"))
    else:
        shutil.copy(source, target)


@pytest.mark.slow
def test_what_it_builds_serves_on_a_file_system_that_cannot_be_written(packages: Path, tmp_path: Path) -> None:
    last = stages(DOCKERFILE)[-1]
    state, port, log = tmp_path / "state", str(free_port()), tmp_path / "output.log"
    state.mkdir(mode=0o700)
    here = {"SPANTAIL_PORT": port, "SPANTAIL_HOST": "127.0.0.1", "SPANTAIL_OTLP_GRPC_PORT": "off"}
    image = as_user(
        last.one("USER"),
        {**last.environment(), **here},
        read_only={"/opt/spantail": packages},
        writable={STATE: state},
        home=last.one("WORKDIR"),
    )
    check = [*image, *json.loads(last.one("HEALTHCHECK").partition("CMD ")[2])]
    assert _code(check) != 0, "nobody is there yet"
    with _started([*image, *json.loads(last.one("ENTRYPOINT")), *json.loads(last.one("CMD"))], log) as process:
        eventually(lambda: _is_ready(process, port), 60, what="ready")
        assert _code(check) == 0
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as page:
            assert b"<title>" in page.read()
        tries = f"for path in / /opt/spantail /usr /etc {STATE} {TEMPORARY}; do touch $path/x && echo $path; done"
        wrote = subprocess.run(
            [*image, "sh", "-c", f"id -u; {tries}"], capture_output=True, text=True, timeout=30, check=False
        )
        assert wrote.stdout.split() == ["10001", STATE, TEMPORARY]
        (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split()
        os.kill(int(child), signal.SIGTERM)
        assert process.wait(30) == 0, log.read_text(encoding="utf-8")


def _code(command: list[str]) -> int:
    return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode


@contextlib.contextmanager
def _started(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT) as process:
        try:
            yield process
        except AssertionError as error:
            error.add_note(log.read_text(encoding="utf-8"))
            raise
        finally:
            process.kill()


def _is_ready(process: subprocess.Popen[bytes], port: str) -> bool:
    assert process.poll() is None
    with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10):
        return True
    return False

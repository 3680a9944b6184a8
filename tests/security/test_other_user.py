"""A second user of the machine: what they can read, reach or put in our way. As root we try it as `nobody`."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from shutil import which
from typing import TYPE_CHECKING

import httpx
import pytest

from spantail_service.embedded_redis import EmbeddedRedis
from spantail_service.redis_binary import EmbeddedRedisError
from tests.integration.service.harness import RUN, Writer, spantail_process
from tests.support.commands import run_command
from tests.support.otlp_requests import JSON

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRET = b"what somebody said to a model"
SPAN = {
    "resourceSpans": [{"scopeSpans": [{"spans": [{
        "traceId": RUN, "spanId": "00f067aa0ba902b7", "name": SECRET.decode(),
        "startTimeUnixNano": "1795308986000000000",
        "endTimeUnixNano": "1795308987000000000",
    }]}]}]
}  # fmt: skip


@pytest.fixture
def loose_umask() -> Iterator[None]:
    """What is made may be read and written by everybody, unless its maker says otherwise."""
    before = os.umask(0)
    yield
    os.umask(before)


def open_to_others(folder: Path) -> list[str]:
    """Everything below a folder that others may read, write or connect to."""
    return [
        f"{path.relative_to(folder)} {stat.filemode(path.lstat().st_mode)}"
        for path in sorted(folder.rglob("*"))
        if path.lstat().st_mode & 0o077 and not path.is_symlink()
    ]


def as_nobody(*command: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command as another user."""
    if os.geteuid() != 0 or which("setpriv") is None:
        pytest.skip("only root can try as another user, by setpriv")
    return subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command],
        capture_output=True,
        timeout=30,
        check=False,
    )


def test_nothing_in_the_data_folder_is_for_others(loose_umask: None, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    for parent in (tmp_path.parent, tmp_path.parent.parent):
        parent.chmod(0o755)
    data = tmp_path / "data"
    (data / "redis").mkdir(parents=True)
    (data / "redis").chmod(0o755)  # it was there before, and open: of an older version, or made by hand
    with spantail_process("serve", "--port", "0", "--data-dir", str(data)) as service:
        service.await_ready()
        assert httpx.post(f"{service.url}/v1/traces", json=SPAN, headers=JSON, timeout=30).status_code == 200
        assert open_to_others(data / "redis") == []
        out = tmp_path / "run.json"
        done = run_command(service.url, "export", RUN, "--output", str(out))
        assert done.returncode == 0, done.stderr
        assert stat.S_IMODE(out.stat().st_mode) == 0o600
        sockets = [path for path in data.rglob("*") if path.is_socket()]
        logs = [path for path in data.rglob("*") if path.is_file() and SECRET in path.read_bytes()]
        assert sockets
        assert logs, "the append-only file has what was sent"
        (tmp_path / "open").write_bytes(b"for everybody")
        assert as_nobody("cat", str(tmp_path / "open")).stdout == b"for everybody"  # the way there is open
        for path in (*logs, out):
            assert as_nobody("cat", str(path)).returncode != 0, path
        knock = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
        refused = as_nobody(sys.executable, "-I", "-S", "-c", knock, str(sockets[0]))
        assert refused.returncode != 0
    assert open_to_others(data / "redis") == []


@pytest.mark.parametrize("name", ["redis.log", "redis.lock"])
def test_a_link_in_our_way_is_not_followed(tmp_path: Path, name: str) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"untouched")
    data = tmp_path / "data"
    data.mkdir(0o700)
    (data / name).symlink_to(victim)
    with pytest.raises(EmbeddedRedisError, match="cannot use"), EmbeddedRedis(data):
        pass
    assert victim.read_bytes() == b"untouched"


def test_a_file_that_is_written_follows_no_link(tmp_path: Path, new_redis_url: str) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"untouched")
    (tmp_path / "run.json").symlink_to(victim)
    with Writer(new_redis_url) as writer:
        writer.span(RUN, end=1_795_308_987_000_000)
    with spantail_process("serve", "--port", "0", "--redis-url", new_redis_url) as service:
        service.await_ready()
        done = run_command(service.url, "export", RUN, "--output", str(tmp_path / "run.json"))
    assert done.returncode == 0, done.stderr
    assert victim.read_bytes() == b"untouched"
    assert not (tmp_path / "run.json").is_symlink()  # replaced by the file, whole
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".part")] == []


def test_the_spool_is_for_its_user_alone(loose_umask: None, tmp_path: Path) -> None:
    program = (
        "import spantail\n"
        "handle = spantail.configure('spooler')\n"
        "with spantail.operation('what nobody else may read', root=True): pass\n"
        "handle.shutdown(3)\n"
    )
    spool = tmp_path / "cache" / "spool"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "SPANTAIL_REDIS_URL": f"unix://{tmp_path}/nowhere.sock", "SPANTAIL_SPOOL_DIR": str(spool)},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert any(b"what nobody else may read" in path.read_bytes() for path in spool.rglob("*") if path.is_file())
    assert open_to_others(tmp_path) == []

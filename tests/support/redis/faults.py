"""Redis servers that can be made to fail in every way, a cluster of them, and a wire that delays and cuts."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import redis

from bench.support.ports import free_port
from spantail_service.storage.embedded import EmbeddedRedis
from tests.support.redis.servers import NEW, binary_named
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


class FaultyRedis:
    """A server on a loopback port of its own, with an append-only file; it may start, fail and come back."""

    def __init__(self, data_dir: Path, *arguments: str, port: int | None = None, password: str = "") -> None:
        self.port = port or free_port()
        self.data_dir = data_dir
        self._server = EmbeddedRedis(
            data_dir, binary=binary_named(NEW), arguments=("--port", str(self.port), "--bind", "127.0.0.1", *arguments)
        )
        self._password = password
        self._hanging = False

    @property
    def url(self) -> str:
        """Where the application finds it, and goes on looking for it."""
        return f"redis://{f':{self._password}@' if self._password else ''}127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start, or start again with what the append-only file holds."""
        self._server.start()
        if self._password:
            self.change(lambda client: client.config_set("requirepass", self._password))

    def change(self, what: Any) -> Any:
        """Do something as the administrator, who comes in by the unix socket."""
        with redis.Redis.from_url(self._server.url, password=self._password or None) as client:
            try:
                return what(client)
            except redis.AuthenticationError:
                with redis.Redis.from_url(self._server.url) as unknown:
                    return what(unknown)

    def demand_password(self, password: str) -> None:
        """From now on take only this password, and throw everybody out."""

        def demand(client: redis.Redis) -> None:
            client.config_set("requirepass", password)
            client.client_kill_filter(_type="normal", skipme=True)

        self.change(demand)
        self._password = password

    def kill(self) -> None:
        """`kill -9`, and wait until it is gone."""
        assert self._server.pid is not None
        os.kill(self._server.pid, signal.SIGKILL)
        eventually(lambda: not self._server.running)
        self._server.stop()

    def empty(self) -> None:
        """Throw the data away; only while it does not run."""
        assert not self._server.running
        for path in self.data_dir.iterdir():
            if path.name.startswith("appendonly") or path.suffix in {".aof", ".rdb"}:
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    @contextlib.contextmanager
    def hanging(self) -> Iterator[None]:
        """Frozen (SIGSTOP) inside the block: connections are taken by the kernel, nothing is answered."""
        assert self._server.pid is not None
        os.kill(self._server.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._server.pid, signal.SIGCONT)

    def stop(self) -> None:
        """Stop for good."""
        self._server.stop()


@contextlib.contextmanager
def faulty_redis(data_dir: Path, *arguments: str, started: bool = True, password: str = "") -> Iterator[FaultyRedis]:
    """A server until the block ends; with `started=False` its port refuses at first."""
    server = FaultyRedis(data_dir, *arguments, password=password)
    try:
        if started:
            server.start()
        yield server
    finally:
        server.stop()


class Wire:
    """A TCP proxy in front of a server: it can be slow, and it can be cut.

    `delay_s` is waited before every piece of a reply is passed on. `cut_next_replies(n, part)` lets the next `n`
    requests that carry a script call reach the server, and cuts the connection after that part of the reply.
    """

    def __init__(self, port: int) -> None:
        self.delay_s = 0.0
        self.cuts = 0
        self._target = port
        self._cuts_due = 0
        self._part = 0.0
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0"
        self._start(self._accept)

    def cut_next_replies(self, count: int, part: float = 0.0) -> None:
        """Cut the replies of the next `count` script calls after `part` of their bytes (0 to 1)."""
        with self._lock:
            self._cuts_due, self._part = count, part

    def lead_to(self, server: FaultyRedis) -> None:
        """Lead who connects from now on to another server, as a name does; the connections that stand stay."""
        self._target = server.port

    def close(self) -> None:
        """End all connections and threads."""
        self.delay_s = 0.0
        _shut(self._listener)
        with self._lock:
            for one in self._sockets:
                _shut(one)
        for thread in self._threads:
            thread.join(5)

    def _start(self, work: Any, *arguments: Any) -> None:
        thread = threading.Thread(target=work, args=arguments, name="wire", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with self._listener:
            while True:
                try:
                    client, _ = self._listener.accept()
                except OSError:
                    return
                try:
                    server = socket.create_connection(("127.0.0.1", self._target), timeout=5)
                except OSError:
                    client.close()
                    continue
                server.settimeout(None)
                with self._lock:
                    self._sockets |= {client, server}
                called = threading.Event()
                self._start(self._requests, client, server, called)
                self._start(self._replies, client, server, called)

    def _requests(self, client: socket.socket, server: socket.socket, called: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(1 << 16):
                if b"EVALSHA" in data:
                    called.set()
                server.sendall(data)
        _shut(server)

    def _replies(self, client: socket.socket, server: socket.socket, called: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(1 << 16):
                if self.delay_s:
                    time.sleep(self.delay_s)
                with self._lock:
                    cut = self._cuts_due > 0 and called.is_set()
                    if cut:
                        self._cuts_due -= 1
                        self.cuts += 1
                if cut:
                    client.sendall(data[: int(len(data) * self._part)])
                    break
                called.clear()
                client.sendall(data)
        for one in (client, server):
            _shut(one)
            one.close()
        with self._lock:
            self._sockets -= {client, server}


def _shut(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def wire_to(server: FaultyRedis) -> Iterator[Wire]:
    """A wire to `server` until the block ends."""
    wire = Wire(server.port)
    try:
        yield wire
    finally:
        wire.close()


class Cluster:
    """Primaries that share the slots among them."""

    SLOTS = 16_384

    def __init__(self, nodes: Sequence[FaultyRedis]) -> None:
        self.nodes = nodes

    @property
    def url(self) -> str:
        """All nodes by one URL."""
        return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    def form(self) -> None:
        """Make one cluster of the nodes; returns when each of them says that it stands."""
        share = -(-self.SLOTS // len(self.nodes))
        for index, node in enumerate(self.nodes):
            last = min(self.SLOTS, (index + 1) * share) - 1
            with _client(node) as client:
                client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", index + 1)
                client.execute_command("CLUSTER", "ADDSLOTSRANGE", index * share, last)
        for node in self.nodes[1:]:
            with _client(node) as client:
                bus = client.config_get("cluster-port")["cluster-port"]
            with _client(self.nodes[0]) as client:
                client.execute_command("CLUSTER", "MEET", "127.0.0.1", node.port, bus)
        eventually(self._stands, 20)

    def _stands(self) -> bool:
        for node in self.nodes:
            with _client(node) as client:
                information = client.execute_command("CLUSTER INFO")
                # it may be well while it has not heard yet who holds the slots of the others
                known = [
                    information[name] for name in ("cluster_state", "cluster_known_nodes", "cluster_slots_assigned")
                ]
                if known != ["ok", str(len(self.nodes)), str(self.SLOTS)]:
                    return False
        return True

    def slot_of(self, key: str) -> int:
        """The slot of a key."""
        with _client(self.nodes[0]) as client:
            return int(client.execute_command("CLUSTER", "KEYSLOT", key))

    def holder_of(self, slot: int) -> FaultyRedis:
        """The node that holds a slot."""
        with _client(self.nodes[0]) as client:
            for first, last, primary, *_ in client.execute_command("CLUSTER SLOTS"):
                if int(first) <= slot <= int(last):
                    return next(node for node in self.nodes if node.port == int(primary[1]))
        raise LookupError(slot)

    @contextlib.contextmanager
    def moving(self, slot: int, target: FaultyRedis) -> Iterator[FaultyRedis]:
        """Move a slot with its keys, as `redis-cli --cluster reshard` does; it is under way inside the block."""
        source = self.holder_of(slot)
        with _client(source) as old, _client(target) as new:
            old_id, new_id = (client.execute_command("CLUSTER", "MYID").decode() for client in (old, new))
            new.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", old_id)
            old.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", new_id)
            yield source
            while keys := old.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 100):
                old.execute_command("MIGRATE", "127.0.0.1", target.port, "", 0, 5_000, "REPLACE", "KEYS", *keys)
        # in this order; the rest would hear of it sooner or later, but may be asked who holds the slot before that
        for node in dict.fromkeys((target, source, *self.nodes)):
            with _client(node) as client:
                client.execute_command("CLUSTER", "SETSLOT", slot, "NODE", new_id)


def _client(node: FaultyRedis) -> redis.Redis:
    return redis.Redis.from_url(node.url)


@contextlib.contextmanager
def redis_cluster(data_dir: Path, nodes: int = 3) -> Iterator[Cluster]:
    """A cluster on loopback until the block ends."""
    with contextlib.ExitStack() as stack:
        servers = [
            stack.enter_context(
                faulty_redis(
                    data_dir / f"node-{index}",
                    *("--cluster-enabled", "yes", "--cluster-node-timeout", "2000"),
                    *("--cluster-port", str(free_port()), "--cluster-require-full-coverage", "no"),
                )
            )
            for index in range(nodes)
        ]
        cluster = Cluster(servers)
        cluster.form()
        yield cluster

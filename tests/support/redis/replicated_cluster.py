"""A Redis Cluster whose primaries have replicas, with the settings that `deploy/redis` has for one."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import redis

from bench.support.ports import free_port
from tests.support.redis.faults import Cluster, faulty_redis
from tests.support.tools import ROOT
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.redis.faults import FaultyRedis

_NODE_TIMEOUT_MS: Final = 1_500
"""Less than a user's, so that a failover takes a test seconds."""
_FORMED_S: Final = 30.0


class ReplicatedCluster(Cluster):
    """Three primaries with a replica each."""

    def __init__(self, primaries: list[FaultyRedis], replicas: list[FaultyRedis]) -> None:
        super().__init__(primaries)
        self.replicas = replicas

    @property
    def everybody(self) -> list[FaultyRedis]:
        """All six nodes."""
        return [*self.nodes, *self.replicas]

    def form(self) -> None:
        """Make one cluster; returns when each replica has what its primary has."""
        super().form()
        for primary, replica in zip(self.nodes, self.replicas, strict=True):
            with _client(primary) as old, _client(replica) as new:
                bus = old.config_get("cluster-port")["cluster-port"]
                identity = old.execute_command("CLUSTER", "MYID").decode()
                new.execute_command("CLUSTER", "MEET", "127.0.0.1", primary.port, bus)
                replicate = partial(_replicates, new, identity)
                eventually(replicate, _FORMED_S, what="a primary that is known")
        eventually(self.is_whole, _FORMED_S, what="six nodes in step")

    def is_whole(self) -> bool:
        """Whether every node knows all six, and every replica has all that its primary has written."""
        for node in self.everybody:
            with _client(node) as client:
                information = client.execute_command("CLUSTER INFO")
                known = [information[f"cluster_{name}"] for name in ("state", "known_nodes", "slots_assigned")]
                if known != ["ok", str(len(self.everybody)), str(self.SLOTS)]:
                    return False
        return all(
            _offset(primary) == _offset(replica) for primary, replica in zip(self.nodes, self.replicas, strict=True)
        )

    def replica_of(self, primary: FaultyRedis) -> FaultyRedis:
        """The node that takes over when that one dies."""
        return self.replicas[self.nodes.index(primary)]


def _replicates(client: redis.Redis, identity: str) -> bool:
    command: Any = client.execute_command
    try:
        command("CLUSTER", "REPLICATE", identity)
    except redis.ResponseError:  # it has not heard of that node yet
        return False
    return True


def has_taken_over(replica: FaultyRedis) -> bool:
    """Whether a replica has become a primary."""
    with _client(replica) as client:
        role: Any = client.execute_command("ROLE")
        return bool(role[0] == b"master")


def _offset(node: FaultyRedis) -> int:
    """How far a node is in what was written."""
    with _client(node) as client:
        return int(client.info("replication")["master_repl_offset"])


def _client(node: FaultyRedis) -> redis.Redis:
    return redis.Redis.from_url(node.url)


@contextlib.contextmanager
def replicated_cluster(folder: Path) -> Iterator[ReplicatedCluster]:
    """Six nodes on loopback until the block ends."""
    settings = [
        part for name in ("redis.conf", "cluster.conf") for part in ("--include", str(ROOT / "deploy/redis" / name))
    ]
    with contextlib.ExitStack() as stack:
        nodes = [
            stack.enter_context(
                faulty_redis(
                    folder / f"node-{index}",
                    *settings,
                    *("--cluster-node-timeout", str(_NODE_TIMEOUT_MS), "--cluster-port", str(free_port())),
                )
            )
            for index in range(6)
        ]
        cluster = ReplicatedCluster(nodes[:3], nodes[3:])
        cluster.form()
        yield cluster

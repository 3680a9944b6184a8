"""A client of a Redis cluster: each node is asked in one go for what it holds.

redis-py's own cluster pipeline is not used: it repeats what failed by itself, out of order, and asks the server for
the keys of every EVALSHA (`COMMAND GETKEYS` with all its arguments).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError

from spantail.urls import split_url
from spantail_exporters.redis.addresses import REDIS_PORT, addresses_in, node_url
from spantail_exporters.redis.cluster import ASKING, SlotMap, key_of, not_held, rounds, slot_of
from spantail_exporters.redis.request import Request, Silence, unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import redis

    from spantail_exporters.redis.cluster import Address, Part
    from spantail_exporters.redis.request import Command


class ClusterClient:
    """A `Client` of a cluster.

    Args:
        url: Names one or more of the nodes (`addresses.server_urls`).
        open_node: Makes the client of one node from its URL; nothing is sent yet.
    """

    def __init__(self, url: str, open_node: Callable[[str], redis.Redis]) -> None:
        self._url = url
        self._open_node = open_node
        self._named = addresses_in(split_url(url), REDIS_PORT)
        self._slot_map = SlotMap(own_host=self._named[0][0])
        self._nodes: dict[Address, redis.Redis] = {}
        self._away: Address | None = None  # the node that could not be reached last
        self.silence = Silence()

    def execute(self, commands: Sequence[Command], /) -> list[Any]:
        """Send commands where they belong and return their replies in order; see `Client`."""
        self._learn()
        replies: list[Any] = [None] * len(commands)
        keys = {i: key for i, command in enumerate(commands) if (key := key_of(command)) is not None}
        self._ask_all(commands, [i for i in range(len(commands)) if i not in keys], replies)
        slots = {i: slot_of(key) for i, key in keys.items()}
        for parts in rounds(self._slot_map, slots, replies):
            self._learn()
            for part in parts():
                answers = self._ask(commands, part, slots)
                for i, answer in zip(part.indices, answers, strict=True):
                    replies[i] = answer
        if replies and all(isinstance(reply, RedisConnectionError) for reply in replies):
            raise replies[0]
        return replies

    def begin(self, commands: Sequence[Command], /) -> Request | None:
        """Return None: several nodes are asked one by one, which needs waiting."""
        del commands
        return None

    def close(self) -> None:
        """Close the connections; the nodes are asked anew which of them holds what."""
        for node in self._nodes.values():
            node.connection_pool.disconnect()
        self._slot_map.stale = True

    def _learn(self) -> None:
        """Bring the slot map up to date: after a node could not be reached a replica may stand in for it."""
        if not self._slot_map.stale:
            return
        trouble: Exception | None = None
        known = dict.fromkeys([*self._slot_map.primaries, *self._named])
        for address in sorted(known, key=lambda address: address == self._away):  # that one may hang
            try:
                (reply,) = self._ask_node(address, [("CLUSTER SLOTS",)])
            except RedisConnectionError as error:
                trouble = error
            else:
                if not isinstance(reply, ResponseError):
                    self._slot_map.learn(reply)
                    return
                trouble = reply
        raise unreachable(trouble or RedisError("no node is known"))

    def _ask_all(self, commands: Sequence[Command], keyless: Sequence[int], replies: list[Any]) -> None:
        """Ask every primary what names no key; of several answers an error is kept."""
        for address in self._slot_map.primaries if keyless else ():
            try:
                answers = self._ask_node(address, [commands[i] for i in keyless])
            except RedisConnectionError as error:
                answers = [error] * len(keyless)
            for i, answer in zip(keyless, answers, strict=True):
                if not isinstance(replies[i], Exception):
                    replies[i] = answer

    def _ask(self, commands: Sequence[Command], part: Part, slots: dict[int, int]) -> list[Any]:
        wanted = [commands[i] for i in part.indices]
        if part.address is None:
            return [not_held({slots[i] for i in part.indices})] * len(wanted)
        try:
            if part.asking:
                return self._ask_node(part.address, [one for command in wanted for one in ((ASKING,), command)])[1::2]
            return self._ask_node(part.address, wanted)
        except RedisConnectionError as error:
            return [error] * len(wanted)

    def _ask_node(self, address: Address, commands: Sequence[Command]) -> list[Any]:
        """Send commands over one connection, in one go."""
        if address not in self._nodes:
            self._nodes[address] = self._open_node(node_url(self._url, *address))
        pool = self._nodes[address].connection_pool
        self.silence.begins()
        try:
            connection = pool.get_connection()
            try:
                return Request(connection, commands, self.silence).wait()
            finally:
                pool.release(connection)
        except (RedisError, OSError) as error:
            pool.disconnect()  # a half-read reply must not meet the next command
            self._away, self._slot_map.stale = address, True
            raise unreachable(error) from error
        finally:
            self.silence.ends()

"""Redis for the service: one server, or a cluster. A server that is found to be part of one is used as one.

redis-py's asynchronous client of a cluster is not used: it starts a thread and an event loop for every command of a
transaction, refuses instead of waiting when all connections are taken, and repeats what failed by itself.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.exceptions import AskError, ResponseError, TryAgainError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from spantail.urls import split_url
from spantail_exporters.model import keys
from spantail_exporters.redis.addresses import node_url, server_urls
from spantail_exporters.redis.cluster import ASKING, Part, SlotMap, key_of, not_held, rounds, slot_of

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence

    from redis.asyncio import ConnectionPool
    from redis.asyncio.client import PubSub

    from spantail_exporters.redis.cluster import Address

    Staged = tuple[tuple[Any, ...], Mapping[str, Any]]  # a command and its options, as a pipeline of redis-py keeps it

_ASKING: Final[Staged] = ((ASKING,), {})
_AWAY: Final = (RedisConnectionError, RedisTimeoutError)


class RoutedRedis(Redis):
    """redis-py's client, over one connection pool per server; `make_pool` makes one from a server's URL.

    `url` is as `redis_client.connect` takes it, but for Sentinel. A command goes where its first key is, one
    without a key where the index over runs is. A pipeline may hold keys of many slots; in a transaction the commands
    of one slot are one step, and those of another are another. When a node is away, whatever needs it raises
    redis-py's errors; while a slot is on the move, `TryAgainError`.
    """

    def __init__(self, url: str, make_pool: Callable[[str], ConnectionPool]) -> None:
        urls = server_urls(url)
        self._make_pool = make_pool
        self._pattern = urls[0]
        self._named = [self._open(one) for one in urls]
        self._nodes: dict[tuple[str, int], Redis] = {}
        self._is_cluster = split_url(url).scheme.endswith("+cluster")
        self._slot_map = SlotMap(own_host=urlsplit(self._pattern).hostname or "")
        self._slot_map.stale = self._is_cluster
        self._away: Redis | None = None
        self._learning = asyncio.Lock()
        super().__init__(connection_pool=self._named[0].connection_pool)

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send one command where it belongs; its reply."""
        if not self._is_cluster:
            try:
                return await self._named[0].execute_command(*args, **options)  # type: ignore[no-untyped-call]
            except AskError:  # or its kind, MovedError
                self.rearranged()
        (reply,) = await self._spread([(args, options)], in_steps=False)
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def script_load(self, script: str) -> Any:  # type: ignore[override]
        """Make a script known to every server."""
        await self._learn()
        return [await node.script_load(script) for node in self._primaries][-1]

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Pipeline:
        """As redis-py's, over all servers."""
        return _RoutedPipeline(self, self.connection_pool, self.response_callbacks, transaction, shard_hint)

    def pubsub(self, **options: Any) -> PubSub:
        """A subscription on one of the servers: what is published on any of a cluster reaches all."""
        return random.choice(self._primaries).pubsub(**options)  # noqa: S311 - another one when it is away

    async def carry_out(self, staged: Sequence[Staged], *, in_steps: bool) -> list[Any]:
        """Send commands where they belong; their replies in order, exceptions among them."""
        if self._is_cluster:
            return await self._spread(staged, in_steps=in_steps)
        replies: list[Any] = [None] * len(staged)
        await self._ask(Part(None, [*range(len(staged))]), staged, replies, in_steps=in_steps)
        left = [i for i, reply in enumerate(replies) if isinstance(reply, AskError)]
        if left:
            self.rearranged()
            answers = await self._spread([staged[i] for i in left], in_steps=in_steps)
            for i, answer in zip(left, answers, strict=True):
                replies[i] = answer
        return replies

    async def holder_of(self, key: Any) -> Redis:
        """The client of the server that holds `key`."""
        if not self._is_cluster:
            return self._named[0]
        await self._learn()
        address = self._slot_map.holder(_slot(key))
        if address is None:
            raise not_held({_slot(key)})
        return self._node(address)

    def rearranged(self) -> None:
        """What is known of who holds what has turned out to be wrong."""
        self._is_cluster = self._slot_map.stale = True

    async def disconnect(self) -> None:
        """Close all connections; the next command opens new ones."""
        nodes = (*self._named, *self._nodes.values())
        # One that does not say goodbye (TLS) is let go all the same.
        await asyncio.gather(*(node.connection_pool.disconnect() for node in nodes), return_exceptions=True)

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        """Close all connections for good."""
        for node in (*self._named, *self._nodes.values()):
            await node.aclose(close_connection_pool)

    @property
    def _primaries(self) -> Sequence[Redis]:
        return [self._node(address) for address in self._slot_map.primaries] or self._named

    async def _spread(self, staged: Sequence[Staged], *, in_steps: bool) -> list[Any]:
        replies: list[Any] = [None] * len(staged)
        slots = {i: _slot(key_of(command)) for i, (command, _) in enumerate(staged)}
        for parts in rounds(self._slot_map, slots, replies, by_slot=in_steps):
            await self._learn()
            asked = parts()
            if unheld := {slots[i] for part in asked if part.address is None for i in part.indices}:
                raise not_held(unheld)
            await _together(self._ask(part, staged, replies, in_steps=in_steps) for part in asked)
        return replies

    async def _ask(self, part: Part, staged: Sequence[Staged], replies: list[Any], *, in_steps: bool) -> None:
        """Send some of the commands to one node in one trip, and put the replies into their places."""
        node = self._node(part.address) if part.address else self._named[0]
        pipe = node.pipeline(transaction=in_steps)
        wanted = [staged[i] for i in part.indices]
        pipe.command_stack = [one for command in wanted for one in (_ASKING, command)] if part.asking else wanted
        try:
            answers = await pipe.execute(raise_on_error=False)
        except AskError as redirection:  # of a transaction, of which nothing was carried out
            answers = [redirection] * len(part.indices)
        except _AWAY:
            self._away = node
            self._slot_map.stale = self._is_cluster  # a replica may stand in for it by now
            raise
        for i, answer in zip(part.indices, answers[1::2] if part.asking else answers, strict=True):
            replies[i] = answer

    async def _learn(self) -> None:
        """Ask which node holds what, where that is not known or may have changed."""
        async with self._learning if self._slot_map.stale else nullcontext():
            if self._slot_map.stale:  # still, when it was this one's turn
                self._slot_map.learn(await self._ranges())

    async def _ranges(self) -> Any:
        trouble: Exception | None = None
        # the one that was away last comes last: it may hang
        for node in sorted([*self._primaries, *self._named], key=lambda node: node is self._away):
            ask: Any = node.execute_command  # redis-py has no types for it
            try:
                return await ask("CLUSTER SLOTS")
            except (*_AWAY, ResponseError) as error:
                self._away, trouble = node, error
        raise RedisConnectionError(f"no node of the cluster tells which holds what: {trouble}")

    def _node(self, address: Address) -> Redis:
        if address not in self._nodes:
            self._nodes[address] = self._open(node_url(self._pattern, *address))
        return self._nodes[address]

    def _open(self, url: str) -> Redis:
        return Redis.from_pool(self._make_pool(url))


class _RoutedPipeline(Pipeline):
    """Keeps commands as redis-py's does, and sends them by way of its `owner`. What is watched is of one slot."""

    def __init__(self, owner: RoutedRedis, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._owner = owner

    async def watch(self, *names: Any) -> None:  # type: ignore[override]
        self.connection_pool = (await self._owner.holder_of(names[0])).connection_pool
        await super().watch(*names)

    async def immediate_execute_command(self, *args: Any, **options: Any) -> Any:
        with self._in_place():
            return await super().immediate_execute_command(*args, **options)  # type: ignore[no-untyped-call]

    async def execute(self, raise_on_error: bool = True) -> list[Any]:
        if self.watching:
            with self._in_place():
                return await super().execute(raise_on_error)
        staged = self.command_stack
        try:
            replies = await self._owner.carry_out(staged, in_steps=self.is_transaction) if staged else []
            if raise_on_error:
                self.raise_first_error(staged, replies)
            return replies
        finally:
            await self.reset()  # type: ignore[no-untyped-call]

    @contextmanager
    def _in_place(self) -> Iterator[None]:
        try:
            yield
        except AskError as error:
            self._owner.rearranged()
            raise TryAgainError(f"the cluster is being rearranged: {error}") from error


async def _together(questions: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Wait for all: a question that is left behind would keep its connection."""
    for outcome in await asyncio.gather(*questions, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome


def _slot(key: Any) -> int:
    return slot_of(keys.RUNS_RECENT if key is None else key)

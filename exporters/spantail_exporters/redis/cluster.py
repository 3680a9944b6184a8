"""Which node of a Redis cluster a command goes to, and what a redirection asks for. Pure: whoever routes does the I/O.

Used by the exporters' client, which waits, and by the service's, which is asynchronous. Redis Cluster specification,
"Key distribution model", "MOVED Redirection" and "ASK redirection".
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from redis.crc import key_slot
from redis.exceptions import AskError, MovedError, TryAgainError
from redis.exceptions import ConnectionError as RedisConnectionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    Address = tuple[str, int]

ASKING: Final = "ASKING"
"""The command in front of one that ASK sends to another node; it holds for that one only."""

_MAX_REDIRECTIONS: Final = 4  # more in a row mean that the cluster is being rearranged: better to come again
_WITHOUT_KEY: Final = frozenset({"SCRIPT LOAD", "SCRIPT FLUSH", "PING", "INFO", "TIME"})


def key_of(command: Sequence[Any]) -> Any:
    """Return the first key of a command; None when it has none."""
    match tuple(command):
        case ("EVALSHA" | "EVAL", _, count, *rest):
            return rest[0] if count else None
        case (name, key, *_) if name not in _WITHOUT_KEY:
            return key
        case _:
            return None


def slot_of(key: Any) -> int:
    """Return the slot of a key."""
    return key_slot(key if isinstance(key, bytes) else str(key).encode())


class SlotMap:
    """Which node holds which slots, as far as is known.

    Args:
        own_host: Where nodes are that do not know their own address; they name none.
    """

    def __init__(self, own_host: str) -> None:
        self._own_host = own_host
        self._ranges: list[tuple[int, int, Address]] = []
        self.stale = True
        """Whether the nodes are to be asked (`CLUSTER SLOTS`) before the next command."""

    def learn(self, reply: Iterable[Any]) -> None:
        """Take over a node's reply to `CLUSTER SLOTS`."""
        self._ranges = [(first, last, self.address(*primary[:2])) for first, last, primary, *_ in reply]
        self.stale = False

    def holder(self, slot: int) -> Address | None:
        """Return the primary that holds a slot; None, and the map is stale, where no node does."""
        for first, last, address in self._ranges:
            if first <= slot <= last:
                return address
        self.stale = True
        return None

    @property
    def primaries(self) -> list[Address]:
        """The nodes that hold any slot, each once."""
        return list(dict.fromkeys(address for _, _, address in self._ranges))

    def address(self, host: bytes | str | None, port: int) -> Address:
        """Return the address of a node as it, or a redirection, names it."""
        name = host.decode() if isinstance(host, bytes) else host
        return name or self._own_host, port


class Part(NamedTuple):
    """Commands for one node, by their indices; no address where no node holds their slots.

    `asking` says that each of them needs `ASKING` in front of it.
    """

    address: Address | None
    indices: list[int]
    asking: bool = False


def rounds(
    slot_map: SlotMap, slots: Mapping[int, int], replies: list[Any], *, by_slot: bool = False
) -> Iterator[Callable[[], list[Part]]]:
    """Yield what to ask whom until all redirections are followed.

    Before it calls what a round yields, the caller brings the slot map up to date where it is stale; then it asks,
    and puts the replies in their places, exceptions among them.

    Args:
        slot_map: Which node holds what; it is stale after a redirection that holds for good.
        slots: The slot of each command that is to be asked, by its index.
        replies: One place for each command.
        by_slot: Whether the commands of each slot go by themselves, as transactions. These take no part in `ASK`.
    """
    left = list(slots)
    for _ in range(_MAX_REDIRECTIONS):
        yield partial(_by_holder, slot_map, slots, left, by_slot=by_slot)
        if not by_slot and any(map(_is_ask, (replies[i] for i in left))):
            yield partial(_by_redirection, slot_map, left, replies)
        left = [i for i in left if isinstance(replies[i], AskError)]  # MovedError is one
        if not left:
            return
        slot_map.stale = True
    for i in left:
        replies[i] = TryAgainError(f"the cluster is being rearranged: {replies[i]}")


def not_held(slots: Iterable[int]) -> RedisConnectionError:
    """Make the error for commands whose slot no node holds just now."""
    return RedisConnectionError(f"no node of the cluster holds slot {', '.join(map(str, sorted(slots)))}")


def _by_holder(slot_map: SlotMap, slots: Mapping[int, int], left: Iterable[int], *, by_slot: bool) -> list[Part]:
    parts: dict[tuple[Address | None, int], list[int]] = {}
    for i in left:
        parts.setdefault((slot_map.holder(slots[i]), slots[i] if by_slot else -1), []).append(i)
    return [Part(address, indices) for (address, _), indices in parts.items()]


def _by_redirection(slot_map: SlotMap, left: Iterable[int], replies: Sequence[Any]) -> list[Part]:
    """Find the nodes that slots are moving to, for keys that have arrived there or are new."""
    parts: dict[Address, list[int]] = {}
    for i in left:
        if _is_ask(reply := replies[i]):
            parts.setdefault(slot_map.address(reply.host, reply.port), []).append(i)
    return [Part(address, indices, asking=True) for address, indices in parts.items()]


def _is_ask(reply: Any) -> bool:
    return isinstance(reply, AskError) and not isinstance(reply, MovedError)

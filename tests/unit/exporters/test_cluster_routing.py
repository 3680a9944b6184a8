"""Which node a command goes to, and what a redirection changes, without a node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from redis.exceptions import AskError, MovedError, TryAgainError

from spantail_exporters.redis.cluster import SlotMap, key_of, not_held, rounds, slot_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from spantail_exporters.redis.cluster import Address, Part

REPLY = [[0, 99, [b"a", 1, b"id"]], [100, 199, [b"b", 2, b"id"], [b"replica", 9, b"id"]], [200, 299, [b"", 3, b"id"]]]


@pytest.fixture
def slot_map() -> SlotMap:
    made = SlotMap(own_host="own")
    assert made.stale
    made.learn(REPLY)
    return made


@pytest.mark.parametrize(
    ("command", "key"),
    [
        (("GET", "a"), "a"),
        (["HSET", b"a", "f", 1], b"a"),
        (("EVALSHA", "0" * 40, 2, "a", "b", "argument"), "a"),
        (("EVAL", "return 1", 0, "argument"), None),
        (("SCRIPT LOAD", "return 1"), None),
        (("PING",), None),
        (("MULTI",), None),
    ],
)
def test_the_first_key_says_where_a_command_belongs(command: Any, key: Any) -> None:
    assert key_of(command) == key


def test_a_slot_is_that_of_the_tag() -> None:
    """Redis Cluster specification, "Hash tags"."""
    assert slot_of("{run}meta") == slot_of(b"{run}log") == slot_of("run")
    assert slot_of("123456789") == 12739


def test_who_holds_what(slot_map: SlotMap) -> None:
    assert [slot_map.holder(slot) for slot in (0, 99, 100, 250)] == [("a", 1), ("a", 1), ("b", 2), ("own", 3)]
    assert slot_map.primaries == [("a", 1), ("b", 2), ("own", 3)]
    assert not slot_map.stale
    assert slot_map.holder(300) is None
    assert slot_map.stale, "the nodes are asked again"


def carried_out(
    slot_map: SlotMap, slots: dict[int, int], answer: Callable[[Address, int], Any], *, by_slot: bool = False
) -> tuple[list[Any], list[Part]]:
    """Ask as a client does; returns the replies and what was asked, in order."""
    replies: list[Any] = [None] * len(slots)
    asked: list[Part] = []
    for parts in rounds(slot_map, slots, replies, by_slot=by_slot):
        if slot_map.stale:
            slot_map.learn(REPLY)
        for part in parts():
            asked.append(part)
            for i in part.indices:
                replies[i] = not_held([slots[i]]) if part.address is None else answer(part.address, i)
    return replies, asked


def test_commands_go_to_each_node_at_once(slot_map: SlotMap) -> None:
    replies, asked = carried_out(slot_map, {0: 1, 1: 150, 2: 2, 3: 999}, lambda address, i: (address[0], i))
    assert replies[:3] == [("a", 0), ("b", 1), ("a", 2)]
    assert "slot 999" in str(replies[3])
    assert [(part.address, part.indices) for part in asked] == [(("a", 1), [0, 2]), (("b", 2), [1]), (None, [3])]


def test_transactions_go_apart(slot_map: SlotMap) -> None:
    _, asked = carried_out(slot_map, {0: 1, 1: 2, 2: 1}, lambda *_: "OK", by_slot=True)
    assert [part.indices for part in asked] == [[0, 2], [1]]


def test_a_slot_that_has_moved_is_asked_for_once_more(slot_map: SlotMap) -> None:
    asked: list[Address] = []

    def answer(address: Address, _: int) -> Any:
        asked.append(address)
        return "OK" if len(asked) > 1 else MovedError("1 b:2")

    replies, _ = carried_out(slot_map, {0: 1}, answer)
    assert replies == ["OK"]
    assert not slot_map.stale


def test_a_key_that_has_gone_ahead_is_asked_for_there(slot_map: SlotMap) -> None:
    def answer(address: Address, i: int) -> Any:
        return address if address == ("c", 7) else AskError("1 c:7") if i != 1 else "here"

    replies, asked = carried_out(slot_map, {0: 1, 1: 1, 2: 1}, answer)
    assert replies == [("c", 7), "here", ("c", 7)]
    assert [(part.indices, part.asking) for part in asked] == [([0, 1, 2], False), ([0, 2], True)]
    assert not slot_map.stale, "the slot is still where it was"


@pytest.mark.parametrize("error", [MovedError("1 b:2"), AskError("1 b:2")])
@pytest.mark.parametrize("by_slot", [True, False])
def test_it_does_not_follow_for_ever(slot_map: SlotMap, error: Exception, *, by_slot: bool) -> None:
    replies, asked = carried_out(slot_map, {0: 1}, lambda *_: error, by_slot=by_slot)
    assert isinstance(replies[0], TryAgainError)
    assert len([part for part in asked if not part.asking]) == 4

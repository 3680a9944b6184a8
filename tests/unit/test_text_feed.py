"""Text on its way to a reader who may be slow."""

from __future__ import annotations

import asyncio
from typing import Any

from spantail_service.jobs.execution import Outcome
from spantail_service.jobs.text_feed import MAX_TEXT, TextFeed, TextPiece
from spantail_service.llm import Restart

DONE = Outcome("completed", {"result": {}})
VOID = Restart("one: overloaded")


async def taken(feed: TextFeed) -> list[Any]:
    """All that is there, as far as it goes without waiting: a restart is its reason, the end its status."""
    found: list[Any] = []
    while (item := await feed.next(0.001)) is not None:
        match item:
            case TextPiece(text):
                found.append(text)
            case Restart(reason):
                found.append(reason)
            case outcome:
                return [*found, outcome.status]
    return found


async def test_text_then_the_end() -> None:
    feed = TextFeed()
    feed.push("Hello, ")
    assert await taken(feed) == ["Hello, "]
    feed.push("how are ")
    feed.push("you?")
    feed.end(DONE)
    assert await taken(feed) == ["how are you?", "completed"]
    assert await taken(feed) == ["completed"]


async def test_a_reader_is_woken() -> None:
    feed = TextFeed()
    asyncio.get_running_loop().call_soon(feed.push, "Hello")
    assert await feed.next(10) == TextPiece("Hello")
    asyncio.get_running_loop().call_soon(feed.end, DONE)
    assert await feed.next(10) == DONE
    other = TextFeed()
    asyncio.get_running_loop().call_soon(other.leave)
    assert await other.next(10) is None
    assert other.is_left


async def test_what_is_void_is_taken_back_where_it_was_seen() -> None:
    feed = TextFeed()
    feed.push("not seen")
    feed.push(VOID)
    feed.push("one ")
    assert await taken(feed) == ["one "]
    feed.push("more")
    feed.push(VOID)
    feed.push(VOID)
    feed.push("two")
    feed.end(DONE)
    assert await taken(feed) == [VOID.reason, "two", "completed"]


async def test_who_takes_nothing_costs_no_memory_without_bound() -> None:
    feed = TextFeed()
    for _ in range(MAX_TEXT):
        feed.push("x" * 10)
    feed.end(DONE)
    assert sum(map(len, feed._waiting)) == MAX_TEXT
    assert await taken(feed) == ["x" * MAX_TEXT, "completed"]
    feed.push("y")
    assert feed._waiting == []
    feed.push(VOID)
    feed.push("another attempt has its own bound")
    assert await taken(feed) == [VOID.reason, "another attempt has its own bound", "completed"]

"""The Claude CLI's stream, read without running it: any cut, any nonsense, each message's usage once."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spantail_service.llm.claude_cli.process import OutputTooLargeError
from spantail_service.llm.claude_cli.stream import MAX_LINE_BYTES, ClaudeStream


def event(kind: str, *, parent: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"type": "stream_event", "event": {"type": kind, **fields}, "parent_tool_use_id": parent}


def usage(fresh: int, output: int, *, read: int = 0) -> dict[str, int]:
    return {"input_tokens": fresh, "output_tokens": output, "cache_read_input_tokens": read}


def delta(text: str, *, parent: str | None = None) -> dict[str, Any]:
    return event("content_block_delta", index=0, delta={"type": "text_delta", "text": text}, parent=parent)


LINES: list[Any] = [
    {"type": "system", "subtype": "init"},
    event("message_start", message={"id": "msg_1", "usage": usage(10, 1, read=5)}),
    delta("Grüße, "),
    {"type": "assistant", "message": {"id": "msg_1", "model": "m", "usage": usage(10, 1, read=5)}},
    event("message_delta", usage={"output_tokens": 7}),
    delta("of a subagent", parent="toolu_1"),
    event("message_start", message={"id": "msg_2", "usage": usage(20, 1)}),
    delta("Welt"),
    event("content_block_delta", index=0, delta={"type": "input_json_delta", "partial_json": "{}"}),
    {"type": "assistant", "message": {"id": "msg_2", "model": "m", "usage": usage(20, 1)}},
    {"type": "assistant", "message": {"id": "msg_2", "model": "m", "usage": usage(20, 1)}},
    event("message_delta", usage={"output_tokens": 4}),
    {"type": "assistant", "message": {"id": "msg_3", "model": "<synthetic>", "usage": usage(99, 99)}},
    {"type": "rate_limit_event", "rate_limit_info": {"status": "allowed", "resetsAt": 5}},
    {"type": "result", "result": "Grüße, Welt"},
]
STREAM = "\n".join(json.dumps(line, ensure_ascii=False) for line in LINES).encode() + b"\n"


class Reader:
    def __init__(self) -> None:
        self.texts: list[str] = []
        self.usages: list[dict[str, int]] = []
        self.stream = ClaudeStream(self.texts.append, self.usages.append)


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_wherever_it_is_cut(cuts: list[int]) -> None:
    reader = Reader()
    edges = [0, *sorted(cuts), len(STREAM)]
    said = [reader.stream.feed(STREAM[a:b]) for a, b in itertools.pairwise(edges)]
    assert said[-1]
    assert "".join(reader.texts) == "Grüße, Welt"
    assert reader.stream.result == LINES[-1]
    assert reader.stream.resets_at_s is None
    last = reader.usages[-1]
    assert (last["input_tokens"], last["output_tokens"], last["cache_read_input_tokens"]) == (30, 11, 5)
    sums = [sum(each.values()) for each in reader.usages]
    assert sums == sorted(set(sums)), "it only grows, and is told when it has grown"


def test_nonsense_is_passed_over() -> None:
    reader = Reader()
    odd: list[Any] = [
        3, [], None, {}, {"type": "stream_event"}, {"type": "stream_event", "event": 3}, {"type": "assistant"},
        {"type": "assistant", "message": {"usage": {"input_tokens": "many", "output_tokens": True}}},
        event("message_start", message=None), event("message_delta", usage=None), event("content_block_delta"),
        {"type": "rate_limit_event", "rate_limit_info": {"status": "rejected", "resetsAt": "soon"}},
    ]  # fmt: skip
    reader.stream.feed(b"no json\n\xff\xfe\n\n" + b"[" * 5_000 + b"\n")
    assert not reader.stream.feed("\n".join(map(json.dumps, odd)).encode() + b"\n")
    assert (reader.texts, reader.usages, reader.stream.result) == ([], [], None)


def test_a_result_without_an_end_of_line() -> None:
    reader = Reader()
    assert not reader.stream.feed(json.dumps(LINES[-1]).encode())
    reader.stream.end()
    assert reader.stream.result == LINES[-1]


def test_a_limit_that_is_met_says_until_when() -> None:
    reader = Reader()
    met = {"type": "rate_limit_event", "rate_limit_info": {"status": "rejected", "resetsAt": 1_767_225_600}}
    reader.stream.feed(json.dumps(met).encode() + b"\n")
    assert reader.stream.resets_at_s == 1_767_225_600.0


def test_a_line_without_end_is_refused() -> None:
    reader = Reader()
    half = b"x" * (MAX_LINE_BYTES // 2 + 1)
    reader.stream.feed(half)
    with pytest.raises(OutputTooLargeError):
        reader.stream.feed(half)

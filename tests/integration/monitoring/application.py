"""An application with known runs, in a process of its own: `killed` stays in the middle of one until it is killed."""

from __future__ import annotations

import asyncio
import contextlib
import sys

import spantail

CLAUDE, GPT = "claude-haiku-4-5", "gpt-4o-mini"
CHUNKS = 5


class BackendAwayError(Exception):
    """A backend does not answer."""


def _answer(number: int) -> None:
    with spantail.operation("answer"), spantail.llm_call(backend="anthropic", model=CLAUDE) as call:
        call.usage(input_tokens=1_000 + number, output_tokens=100 + number)


def _streamed() -> None:
    with spantail.operation("stream"), spantail.llm_call(backend="openai", model=GPT) as call:
        for _ in range(CHUNKS):
            call.chunk("word")
        call.usage(input_tokens=77, output_tokens=CHUNKS)


def _fallen_back() -> None:
    with spantail.operation("answer"), spantail.llm_group("answer") as group:
        with contextlib.suppress(BackendAwayError), spantail.llm_call(backend="anthropic", model=CLAUDE):
            raise BackendAwayError("nobody is there")
        group.fallback("anthropic", "openai", "timeout")
        with spantail.llm_call(
            backend="openai", model=GPT, attempt=2, fallback_from="anthropic", fallback_reason="timeout"
        ) as call:
            call.usage(input_tokens=333, output_tokens=33)


def _failed() -> None:
    with contextlib.suppress(BackendAwayError), spantail.operation("summary"):
        with spantail.llm_call(backend="openai", model=GPT):
            raise BackendAwayError("nobody is there")


def _cancelled() -> None:
    with contextlib.suppress(asyncio.CancelledError), spantail.operation("summary"):
        raise asyncio.CancelledError


def _unpriced() -> None:
    with spantail.operation("summary"), spantail.llm_call(backend="own", model="a-model-of-our-own") as call:
        call.usage(input_tokens=10, output_tokens=1)


def _all() -> None:
    for number in range(3):
        _answer(number)
    for run in (_streamed, _fallen_back, _failed, _cancelled, _unpriced):
        run()


def main(kind: str) -> None:
    """Make the runs, or stay in the middle of one."""
    handle = spantail.configure("shop")
    if kind == "killed":
        with spantail.operation("answer"):
            handle.flush(10)
            sys.stdout.write("in the middle\n")
            sys.stdout.flush()
            sys.stdin.read()  # until it is killed, or nobody is there any more who could
    _all()
    assert handle.flush(10)


if __name__ == "__main__":
    main(sys.argv[1])

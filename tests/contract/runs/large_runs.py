"""A run of many LLM calls below one root, and what the service answers about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spantail_service.trace_windows import run_spans, windows
from tests.integration.service.harness import ROOT_SPAN, RUN, START

if TYPE_CHECKING:
    import httpx
    import pytest

    from tests.integration.service.harness import Writer


def child(number: int) -> str:
    """The id of the call of this number."""
    return f"{number:016x}"


def fill(writer: Writer, first: int, count: int, *, apart_us: int = 10, **fields: Any) -> None:
    """Write `count` calls that take 5 us each and begin one after the other; a call costs as much as its number."""
    for number in range(first, first + count):
        start = START + number * apart_us
        call = {"kind": "llm_call", "name": "chat", "cost_nano": number, "cost_source": "calculated", **fields}
        writer.span(RUN, child(number), parent_id=ROOT_SPAN, start=start, end=start + 5, **call)


async def read(client: httpx.AsyncClient, what: str, **query: Any) -> dict[str, Any]:
    """The answer of one of the routes of the run."""
    answer = await client.get(f"/api/traces/{RUN}/{what}", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def read_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the service answer before it has read a run of 600 calls: with what it knows of the first 20 spans."""
    monkeypatch.setattr(run_spans, "_SCAN", 10)
    monkeypatch.setattr(run_spans, "_PREVIEW_SPANS", 20)
    monkeypatch.setattr(windows, "_WAIT_S", 0.0)

"""What a streamed call costs so far is estimated while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from spantail.llm import estimate, llm_call
from spantail.llm.estimate import RunningEstimate

if TYPE_CHECKING:
    from tests.unit.otel.conftest import Spans

GPT: dict[str, Any] = {"models": ["gpt-4o-mini"], "provider": "openai"}  # 0.15 and 0.60 USD a million tokens
UNKNOWN: dict[str, Any] = {"input_tokens": None, "output_tokens": None}
ESTIMATE = "spantail.cost.estimate_usd"


class Clock:
    """A clock that goes on by hand."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_twice_a_second_by_four_bytes_a_token() -> None:
    clock = Clock()
    running = RunningEstimate(clock)
    running.prompt_bytes = 4_000
    assert running.after("x" * 400, **GPT, **UNKNOWN) is None, "it has just begun"
    clock.now_s += 0.5
    assert running.after("x" * 400, **GPT, **UNKNOWN) == pytest.approx(1_000 * 0.15e-6 + 200 * 0.60e-6)
    clock.now_s += 0.4
    assert running.after("x" * 400, **GPT, **UNKNOWN) is None
    clock.now_s += 0.1
    assert running.after("", **GPT, **UNKNOWN) == pytest.approx(1_000 * 0.15e-6 + 300 * 0.60e-6)


def test_tokens_that_the_stream_counts_are_believed() -> None:
    clock = Clock()
    running = RunningEstimate(clock)
    clock.now_s += 1
    assert running.after("x", **GPT, input_tokens=10, output_tokens=20) == pytest.approx(10 * 0.15e-6 + 20 * 0.60e-6)


@pytest.mark.parametrize(("prompt_bytes", "model"), [(None, "gpt-4o-mini"), (400, "a-model-nobody-prices")])
def test_what_nobody_knows_is_not_estimated(prompt_bytes: int | None, model: str) -> None:
    clock = Clock()
    running = RunningEstimate(clock)
    running.prompt_bytes = prompt_bytes
    clock.now_s += 1
    assert running.after("x", models=[model], provider="openai", **UNKNOWN) is None


def test_a_call_writes_it_while_it_runs_and_its_cost_at_the_end(spans: Spans, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate, "_EVERY_S", 0.0)
    with llm_call(backend="langchain", model="gpt-4o-mini") as call:
        call.prompt("x" * 4_000)
        call.chunk("y" * 400)
        live = dict(call.span.attributes or {})  # type: ignore[attr-defined]
        call.usage(input_tokens=900, output_tokens=90)
    assert live[ESTIMATE] == pytest.approx(1_000 * 0.15e-6 + 100 * 0.60e-6)
    assert "spantail.cost_usd" not in live
    written = spans.one("chat gpt-4o-mini").attributes or {}
    assert written["spantail.cost_usd"] == pytest.approx(900 * 0.15e-6 + 90 * 0.60e-6)

"""LLM attempts: tokens, streaming, cost, fallback, content."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.trace import SpanKind, StatusCode

import spantail
from spantail import pricing
from spantail.content import CAPTURE_CONTENT_VARIABLE, take_marks
from spantail.llm import llm_call, llm_group

if TYPE_CHECKING:
    from tests.unit.otel.conftest import Spans


def _attributes(spans: Spans, name: str | None = None) -> dict[str, Any]:
    return dict(spans.one(name).attributes or {})


def test_one_attempt_from_start_to_end(spans: Spans) -> None:
    with llm_call(backend="claude_cli", model="claude-sonnet-4-5", tier="high") as call:
        at_start = dict(call.span.attributes or {})  # type: ignore[attr-defined]
        call.usage(
            input_tokens=120,
            output_tokens=42,
            cache_read_tokens=20,
            cache_write_tokens=10,
            reasoning_tokens=5,
        )
        call.response(model="claude-sonnet-4-5-20250929", id="msg_1", finish_reasons=["end_turn"])
        call.cost(0.00099)
    assert at_start == {
        "spantail.kind": "llm_call",
        "spantail.backend": "claude_cli",
        "spantail.tier": "high",
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "claude-sonnet-4-5",
    }
    span = spans.one("chat claude-sonnet-4-5")
    assert span.kind is SpanKind.CLIENT
    assert dict(span.attributes or {}) == at_start | {
        "gen_ai.usage.input_tokens": 120,
        "gen_ai.usage.output_tokens": 42,
        "gen_ai.usage.cache_read.input_tokens": 20,
        "gen_ai.usage.cache_write.input_tokens": 10,
        "gen_ai.usage.reasoning.output_tokens": 5,
        "gen_ai.response.model": "claude-sonnet-4-5-20250929",
        "gen_ai.response.id": "msg_1",
        "gen_ai.response.finish_reasons": ("end_turn",),
        "spantail.cost_usd": 0.00099,
        "gen_ai.usage.cost": 0.00099,
        "gen_ai.usage.cost.amount": 0.00099,
        "gen_ai.usage.cost.currency": "USD",
        "gen_ai.usage.cost.source": "provider",
        "spantail.cost.source": "provider",
    }


def test_a_fallback_chain(spans: Spans) -> None:
    with llm_group("score job") as group:
        with pytest.raises(TimeoutError), llm_call(backend="claude_cli", model="claude-sonnet-4-5"):
            raise TimeoutError("no answer")
        group.fallback("claude_cli", "langchain", "timeout")
        with llm_call(
            backend="langchain",
            model="gpt-4o-mini",
            attempt=2,
            fallback_from="claude_cli",
            fallback_reason="timeout",
        ) as call:
            call.usage(input_tokens=1000, output_tokens=100)
    assert spans.tree() == {
        "chat claude-sonnet-4-5": "score job",
        "chat gpt-4o-mini": "score job",
        "score job": None,
    }
    group_span = spans.one("score job")
    assert dict(group_span.attributes or {}) == {"spantail.kind": "llm_group"}
    assert [(event.name, dict(event.attributes or {})) for event in group_span.events] == [
        (
            "llm_call_fallback",
            {
                "spantail.fallback.from": "claude_cli",
                "spantail.fallback.to": "langchain",
                "spantail.fallback.reason": "timeout",
            },
        )
    ]
    failed = spans.one("chat claude-sonnet-4-5")
    assert failed.status.status_code is StatusCode.ERROR
    assert (failed.attributes or {})["spantail.cost.source"] == "unpriced"
    assert "spantail.cost_usd" not in (failed.attributes or {})
    second = _attributes(spans, "chat gpt-4o-mini")
    assert second["spantail.attempt"] == 2
    assert second["spantail.fallback.from"] == "claude_cli"
    assert second["spantail.fallback.reason"] == "timeout"
    assert second["gen_ai.provider.name"] == "openai"
    assert second["spantail.cost_usd"] == second["gen_ai.usage.cost"] == 0.00021
    assert second["spantail.cost.source"] == "calculated"
    assert second["spantail.cost.price_version"].startswith("genai-prices ")


def test_the_answering_model_is_priced_before_the_one_asked_for(spans: Spans) -> None:
    with llm_call(backend="langchain", model="my-deployment") as call:
        call.response(model="gpt-4o-mini-2024-07-18")
        call.usage(input_tokens=1000, output_tokens=100)
    assert _attributes(spans)["spantail.cost_usd"] == 0.00021


def test_the_time_it_takes_to_price_is_not_the_call_s(spans: Spans, monkeypatch: pytest.MonkeyPatch) -> None:
    real, later_ns = time.time_ns, 0

    def price(*_: object, **__: object) -> None:
        nonlocal later_ns
        later_ns += 60 * 10**9

    monkeypatch.setattr(pricing, "preload", lambda: None)  # it asks for a price too, while the call goes on
    monkeypatch.setattr(pricing, "price", price)
    monkeypatch.setattr(time, "time_ns", lambda: real() + later_ns)
    with llm_call(backend="langchain", model="gpt-4o-mini"):
        pass
    span = spans.one()
    assert later_ns, "it was priced"
    assert span.start_time is not None
    assert span.end_time is not None
    assert span.end_time - span.start_time < 30 * 10**9


def test_streaming_counts_what_the_stream_says(spans: Spans) -> None:
    with llm_call(backend="langchain", model="gpt-4o-mini", stream=True) as call:
        call.chunk("Hel", tokens=1)
        first = dict(call.span.attributes or {})  # type: ignore[attr-defined]
        call.chunk("lo", tokens=2)
        running = dict(call.span.attributes or {})  # type: ignore[attr-defined]
        call.usage(input_tokens=10, output_tokens=4)
    assert first["gen_ai.request.stream"] is True
    assert 0 <= first["gen_ai.response.time_to_first_chunk"] < 30
    assert first["gen_ai.usage.output_tokens"] == 1
    assert running["gen_ai.usage.output_tokens"] == 3
    assert running["gen_ai.response.time_to_first_chunk"] == first["gen_ai.response.time_to_first_chunk"]
    last = _attributes(spans)
    assert last["gen_ai.usage.output_tokens"] == 4
    assert last["spantail.stream.chunks"] == 2


def test_chunks_that_are_content_blocks_are_their_texts(spans: Spans, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CAPTURE_CONTENT_VARIABLE, "true")
    block = {"type": "text", "text": "It is "}
    chunks: list[Any] = [[block], [], "sunny", [{"type": "tool_use", "input": {}}, "."], block]
    with llm_call(backend="langchain", model="gpt-4o-mini", stream=True) as call:
        for chunk in chunks:
            call.chunk(chunk)
        call.response(finish_reasons="stop")
    attributes = _attributes(spans)
    assert "It is sunny.It is " in attributes["gen_ai.output.messages"]
    assert attributes["spantail.stream.chunks"] == 5
    assert attributes["gen_ai.response.finish_reasons"] == ("stop",)


def test_chunks_without_tokens_make_no_figure_up(spans: Spans) -> None:
    with llm_call(backend="langchain", model="gpt-4o-mini", stream=True) as call:
        for _ in range(3):
            call.chunk("text")
    attributes = _attributes(spans)
    assert attributes["spantail.stream.chunks"] == 3
    assert not [key for key in attributes if key.startswith("gen_ai.usage")]
    assert attributes["spantail.cost.source"] == "unpriced"


@pytest.mark.parametrize("wrong", [-1, 1.5, True, "12", None, float("nan")])
def test_what_is_no_count_is_not_written(spans: Spans, wrong: Any) -> None:
    with llm_call(backend="langchain", model="gpt-4o-mini") as call:
        call.usage(input_tokens=wrong, output_tokens=wrong)
        call.chunk(tokens=wrong)
    assert not [key for key in _attributes(spans) if key.startswith("gen_ai.usage")]


@pytest.mark.parametrize("wrong", [-1, float("nan"), "0.1", None])
def test_what_is_no_amount_is_refused_and_said(spans: Spans, wrong: Any, caplog: pytest.LogCaptureFixture) -> None:
    with llm_call(backend="langchain", model="gpt-4o-mini") as call:
        call.cost(wrong)
        call.usage(input_tokens=1000, output_tokens=100)
    assert _attributes(spans)["spantail.cost.source"] == "calculated"
    assert "no amount in USD" in caplog.text


def test_refused_amounts_are_said_once(spans: Spans, caplog: pytest.LogCaptureFixture) -> None:
    for n in range(1, 4):
        with llm_call(backend="langchain", model="gpt-4o-mini") as call:
            call.cost(-n)
    assert len(spans.all()) == 3
    assert [record.getMessage().partition(";")[0] for record in caplog.records] == [
        "a cost was refused, it is no amount in USD"
    ]


def test_a_cost_is_rounded_to_nano_dollars(spans: Spans) -> None:
    with llm_call(backend="openrouter", model="x") as call:
        call.cost(Decimal("0.00000000149"), source="provider")
    assert _attributes(spans)["spantail.cost_usd"] == 1e-9


def test_the_provider_is_known_or_left_out(spans: Spans) -> None:
    with llm_call(backend="my_server", model="m", operation="embeddings"):
        pass
    assert "gen_ai.provider.name" not in _attributes(spans, "embeddings m")
    with llm_call(backend="my_server", model="m", provider="mistral_ai"):
        pass
    assert _attributes(spans, "chat m")["gen_ai.provider.name"] == "mistral_ai"


def test_each_use_of_one_object_counts_for_itself(spans: Spans) -> None:
    call = llm_call(backend="langchain", model="gpt-4o-mini")
    with call:
        call.usage(input_tokens=1000, output_tokens=100)
    with call:
        pass
    first, second = (dict(span.attributes or {}) for span in spans.all())
    assert first["spantail.cost.source"] == "calculated"
    assert second["spantail.cost.source"] == "unpriced"


@pytest.mark.parametrize("counted", ["before", "with", "after"])
def test_a_stream_that_is_cut_off_is_priced_only_where_its_tokens_are_known(spans: Spans, counted: str) -> None:
    """Anthropic's API says at the beginning how much it has read, and that it has written one token."""
    call = llm_call(backend="openai", model="gpt-4o-mini", input_tokens=1_000, max_tokens=1_000)
    with spantail.budget(usd=1) as budget:
        call.begin()
        call.usage(input_tokens=900, output_tokens=None if counted == "with" else 1)
        for _ in range(400):
            call.chunk("text", tokens=1 if counted == "with" else None)
        if counted == "after":
            call.usage(input_tokens=900, output_tokens=400)
        call.finish(ConnectionResetError())
    said = _attributes(spans)
    if counted == "before":
        assert said["spantail.cost.source"] == "unpriced"
        assert said["spantail.cost.note"] == "it was cut off before it told how many tokens its answer had"
        assert "spantail.cost_usd" not in said
        assert round(budget.spent_usd * 1e9) == 1_000 * 150 + 1_000 * 600, "all that was reserved"
    else:
        assert call.cost_nano == round(budget.spent_usd * 1e9) == 900 * 150 + 400 * 600


def test_content_is_not_recorded_by_default(spans: Spans) -> None:
    with llm_call(backend="langchain", model="m") as call:
        call.prompt([{"role": "user", "content": "hello"}])
        call.chunk("answer")
        call.completion("answer")
    assert not [value for value in _attributes(spans).values() if "hello" in str(value) or "answer" in str(value)]


@pytest.mark.parametrize("setting", ["true", "SPAN_ONLY", "span_and_event"])
def test_content_is_recorded_when_asked_for(spans: Spans, monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
    monkeypatch.setenv(CAPTURE_CONTENT_VARIABLE, setting)
    with llm_call(backend="langchain", model="m") as call:
        call.prompt([{"role": "user", "content": "hällo"}])
        call.chunk("ans")
        call.chunk("wer")
    attributes = _attributes(spans)
    assert attributes["gen_ai.input.messages"] == '[{"role": "user", "content": "hällo"}]'
    assert attributes["gen_ai.output.messages"] == "answer"


def test_an_answer_can_be_read_while_it_is_streamed(spans: Spans, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CAPTURE_CONTENT_VARIABLE, "true")
    with llm_call(backend="langchain", model="m") as call:
        call.chunk("It is sun")
        seen = dict(call.span.attributes or {})  # type: ignore[attr-defined]
        call.chunk("ny.")
    assert seen["gen_ai.output.messages"] == "It is"
    assert _attributes(spans)["gen_ai.output.messages"] == "It is sunny."


@pytest.mark.parametrize("setting", ["", "false", "NO_CONTENT", "EVENT_ONLY"])
def test_other_settings_do_not_allow_content(spans: Spans, monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
    monkeypatch.setenv(CAPTURE_CONTENT_VARIABLE, setting)
    with llm_call(backend="langchain", model="m") as call:
        call.prompt("hello")
    assert "gen_ai.input.messages" not in _attributes(spans)


def test_content_that_is_not_recorded_leaves_a_mark(spans: Spans, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CAPTURE_CONTENT_VARIABLE, raising=False)
    with llm_call(backend="langchain", model="m") as call:
        call.prompt([{"role": "user", "content": "hällo"}])
        call.chunk("grü")
        call.chunk("ße")
    attributes = dict(_attributes(spans))
    assert {(one["field"], one["bytes"], one["setting"], one["where"]) for one in take_marks(attributes)} == {
        ("gen_ai.input.messages", 39, CAPTURE_CONTENT_VARIABLE, "application"),
        ("gen_ai.output.messages", 7, CAPTURE_CONTENT_VARIABLE, "application"),
    }
    assert not [value for value in attributes.values() if "llo" in str(value)]


async def test_as_decorator_and_async(spans: Spans) -> None:
    @llm_call(backend="langchain", model="gpt-4o-mini", operation="embeddings")
    async def embed(texts: list[str]) -> int:
        return len(texts)

    assert await embed(["a", "b"]) == 2
    async with llm_call(backend="langchain", model="gpt-4o-mini") as call:
        call.usage(input_tokens=1)
    assert [span.name for span in spans.all()] == ["embeddings gpt-4o-mini", "chat gpt-4o-mini"]


def test_terms_that_change_a_price_are_written_and_priced(spans: Spans) -> None:
    with llm_call(backend="anthropic", model="claude-haiku-4-5") as call:
        call.usage(input_tokens=1000, output_tokens=1000, web_searches=3, service_tier="standard")
    written = spans.one("chat claude-haiku-4-5").attributes or {}
    assert written["gen_ai.usage.cost.amount"] == written["spantail.cost_usd"] == 0.036
    assert written["gen_ai.usage.cost.source"] == "calculated"
    assert (written["spantail.usage.web_searches"], written["spantail.service_tier"]) == (3, "standard")


def test_why_a_call_has_no_price_is_said(spans: Spans) -> None:
    with llm_call(backend="openai", model="gpt-4o") as call:
        call.usage(input_tokens=1000, output_tokens=1000, service_tier="flex")
    written = spans.one("chat gpt-4o").attributes or {}
    assert "spantail.cost_usd" not in written
    assert written["spantail.cost.source"] == "unpriced"
    assert written["spantail.cost.note"] == "flex tier: no price known"


def test_a_number_that_is_none_leaves_no_price(spans: Spans) -> None:
    with llm_call(backend="openai", model="gpt-4o-mini") as call:
        call.usage(input_tokens=1000, output_tokens=10, cache_read_tokens=-1)
    written = spans.one("chat gpt-4o-mini").attributes or {}
    assert "spantail.cost_usd" not in written
    assert written["spantail.cost.note"] == "a number of tokens or uses was none"


def test_the_cost_is_told_while_it_runs_and_after(spans: Spans) -> None:
    with llm_call(backend="langchain", model="gpt-4o-mini") as priced:
        at_first = priced.cost_nano
        priced.usage(input_tokens=1_000, output_tokens=0)
        so_far = priced.cost_nano
        priced.usage(output_tokens=500)
    assert at_first is None
    assert so_far is not None
    assert priced.cost_nano == round(_attributes(spans)["spantail.cost_usd"] * pricing.NANO) > so_far
    with llm_call(backend="langchain", model="a-model-nobody-prices") as unpriced:
        unpriced.usage(input_tokens=1, output_tokens=1)
    assert unpriced.cost_nano is None
    with llm_call(backend="langchain", model="a-model-nobody-prices") as stated:
        stated.cost(0.5)
        assert stated.cost_nano == 500_000_000


def test_a_whole_number_of_another_library_is_a_count(spans: Spans) -> None:
    class Count:
        """As a number of NumPy is one."""

        def __index__(self) -> int:
            return 7

    with llm_call(backend="langchain", model="gpt-4o-mini") as call:
        count: Any = Count()
        call.usage(input_tokens=count, output_tokens=2)
    assert _attributes(spans)["gen_ai.usage.input_tokens"] == 7
    assert call.cost_nano == 7 * 150 + 2 * 600

"""The chain by itself: backends that do as they are told, and what the gates before them see."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from spantail import BudgetError
from spantail_service.llm import (
    BackendError,
    BudgetRefusedError,
    ChainError,
    Completion,
    Hold,
    LlmBackend,
    LlmChain,
    Message,
    OnText,
    Permit,
    Restart,
    Tier,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from opentelemetry.sdk.trace import ReadableSpan

    from spantail import LlmCall

ASK: list[Message] = [{"role": "user", "content": "hi"}]


class Scripted:
    """A backend that gives one thing after the other: texts in pieces, or errors."""

    provider = "openai"
    streams = True

    def __init__(self, name: str, *script: BackendError | Sequence[str], unready: BackendError | None = None) -> None:
        self.name = name
        self.unready = unready
        self._script = list(script)

    def model_for(self, tier: Tier) -> str:
        return f"{self.name}-{tier}"

    async def prepare(self) -> None:
        if self.unready is not None:
            raise self.unready

    async def complete(
        self, messages: Sequence[Message], *, tier: Tier, max_tokens: int, call: LlmCall, on_text: OnText
    ) -> Completion:
        del messages, tier, max_tokens
        await asyncio.sleep(0)
        given = self._script.pop(0)
        text = ""
        for piece in () if isinstance(given, BackendError) else given:
            if piece == "!":
                raise BackendError("unreachable", "the connection broke")
            text += piece
            call.chunk(piece)
            on_text(piece)
        if isinstance(given, BackendError):
            raise given
        call.cost(0.25)
        return Completion(text)


class Gates:
    """A breaker and budgets in one: refuses as it is told, and notes what happens."""

    def __init__(self, *, closed_to: str = "", denies: tuple[str, ...] = ()) -> None:
        self.notes: list[str] = []
        self.refusal = BackendError("circuit_open", "it failed before")
        self._closed_to = closed_to
        self._denies = denies

    @asynccontextmanager
    async def admit(self, backend: str, model: str) -> AsyncIterator[Permit]:
        if backend == self._closed_to:
            raise self.refusal
        yield _Noting(self, f"{backend} {model}")

    @asynccontextmanager
    async def hold(
        self, *, backend: str, provider: str, model: str, messages: Sequence[Message], max_tokens: int
    ) -> AsyncIterator[Hold]:
        del provider, model, messages, max_tokens
        if backend in self._denies:
            raise BudgetRefusedError(BudgetError("0.10 USD of 0.10 USD are spent"))
        yield _Noting(self, backend)


class _Noting:
    def __init__(self, gates: Gates, who: str) -> None:
        self._gates, self._who = gates, who

    async def succeeded(self) -> None:
        self._gates.notes.append(f"{self._who} succeeded")

    async def failed(self, error: BackendError) -> None:
        self._gates.notes.append(f"{self._who} {error.reason}")

    def settle(self, cost_nano: int | None) -> None:
        self._gates.notes.append(f"{self._who} cost {cost_nano}")


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[ReadableSpan]]]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    yield lambda: [span for span in exporter.get_finished_spans() if span.name.startswith("chat ")]
    provider.shutdown()


def chain(*backends: LlmBackend, gates: Gates | None = None) -> LlmChain:
    gates = gates or Gates()
    return LlmChain(backends, concurrency=4, timeout_s=5, breaker=gates, limits=gates)


async def test_text_comes_in_pieces_and_is_void_when_another_attempt_begins() -> None:
    heard: list[str | Restart] = []
    asked = chain(Scripted("a", ["Hel", "!"]), Scripted("b", ["Good ", "day"]))
    answer = await asked.ask(ASK, str, name="ask", on_text=heard.append)
    assert (answer.value, answer.backend, answer.attempts) == ("Good day", "b", 2)
    assert heard == ["Hel", Restart("a: unreachable"), "Good ", "day"]


async def test_an_attempt_that_said_nothing_voids_nothing() -> None:
    heard: list[str | Restart] = []
    asked = chain(Scripted("a", BackendError("overloaded", "later")), Scripted("b", ["day"]))
    await asked.ask(ASK, str, name="ask", on_text=heard.append)
    assert heard == ["day"]


async def test_an_answer_of_no_use_is_void_too() -> None:
    heard: list[str | Restart] = []
    asked = chain(Scripted("a", ["x"]), Scripted("b", ["1"]))
    answer = await asked.ask(ASK, int, name="ask", on_text=heard.append)
    assert answer.value == 1
    assert heard == ["x", Restart("a: bad response"), "1"]


async def test_expected_fallbacks_are_skipped_and_failures_are_errors(
    spans: Callable[[], list[ReadableSpan]],
) -> None:
    gates = Gates(closed_to="a", denies=("b",))
    asked = chain(
        Scripted("a"),
        Scripted("b"),
        Scripted("c", unready=BackendError("not_installed", "no such command")),
        Scripted("d", BackendError("exit_code", "status 3")),
        Scripted("e", ["day"]),
        gates=gates,
    )
    await asked.ask(ASK, str, name="ask")
    shown = [
        (
            span.name,
            span.status.status_code.name,
            (span.attributes or {}).get("spantail.status"),
            (span.attributes or {}).get("spantail.reason"),
            (span.attributes or {}).get("spantail.fallback.reason"),
        )
        for span in spans()
    ]
    assert shown == [
        ("chat a-middle", "UNSET", "skipped", "circuit open: it failed before", None),
        ("chat b-middle", "UNSET", "skipped", "budget: 0.10 USD of 0.10 USD are spent", "circuit_open"),
        ("chat c-middle", "UNSET", "skipped", "not installed: no such command", "budget"),
        ("chat d-middle", "ERROR", None, None, "not_installed"),
        ("chat e-middle", "UNSET", None, None, "exit_code"),
    ]
    assert gates.notes == [
        "c c-middle not_installed",
        "d cost None",
        "d d-middle exit_code",
        "e cost 250000000",
        "e e-middle succeeded",
    ]


async def test_what_is_known_to_be_missing_has_no_span(spans: Callable[[], list[ReadableSpan]]) -> None:
    gates = Gates(closed_to="a")
    gates.refusal = BackendError("not_installed", "no such command")
    answer = await chain(Scripted("a"), Scripted("b", ["day"]), gates=gates).ask(ASK, str, name="ask")
    (only,) = spans()
    assert (only.attributes or {})["spantail.fallback.from"] == "a"
    assert (only.attributes or {})["spantail.fallback.reason"] == "not_installed"
    assert "spantail.attempt" not in (only.attributes or {})
    assert answer.attempts == 1


async def test_a_failure_before_one_that_is_missing_is_told(spans: Callable[[], list[ReadableSpan]]) -> None:
    """Else nobody would count it."""
    gates = Gates(closed_to="b")
    gates.refusal = BackendError("not_installed", "no such command")
    asked = chain(Scripted("a", BackendError("timeout", "60 s")), Scripted("b"), Scripted("c", ["day"]), gates=gates)
    await asked.ask(ASK, str, name="ask")
    _, answered = spans()
    assert (answered.attributes or {})["spantail.fallback.from"] == "a"
    assert (answered.attributes or {})["spantail.fallback.reason"] == "timeout"


async def test_a_program_that_cannot_be_started_is_skipped_too(spans: Callable[[], list[ReadableSpan]]) -> None:
    """It looked as if it was there."""
    gates = Gates()
    broken = Scripted("a", BackendError("not_installed", "wrong format of the program"))
    answer = await chain(broken, Scripted("b", ["day"]), gates=gates).ask(ASK, str, name="ask")
    first, _ = spans()
    assert (first.attributes or {})["spantail.reason"] == "not installed: wrong format of the program"
    assert gates.notes[:2] == ["a cost 0", "a a-middle not_installed"]
    assert answer.backend == "b"


async def test_a_refused_request_costs_nothing_an_unknown_outcome_may() -> None:
    gates = Gates()
    refused = Scripted("a", BackendError("rate_limited", "later"))
    with pytest.raises(ChainError):
        await chain(refused, Scripted("b", BackendError("timeout", "60 s")), gates=gates).ask(ASK, str, name="ask")
    assert gates.notes[::2] == ["a cost 0", "b cost None"]


async def test_a_budget_that_allows_no_attempt_ends_the_call() -> None:
    gates = Gates(denies=("b", "c"))
    absent = Scripted("a", unready=BackendError("not_installed", "no such command"))
    with pytest.raises(BudgetError, match=r"0\.10 USD of 0\.10 USD"):
        await chain(absent, Scripted("b"), Scripted("c"), gates=gates).ask(ASK, str, name="ask")
    failing = Scripted("a", BackendError("overloaded", "later"))
    with pytest.raises(ChainError, match="a overloaded"):
        await chain(failing, Scripted("b"), gates=gates).ask(ASK, str, name="ask")


async def test_a_cancelled_attempt_tells_the_breaker_nothing() -> None:
    class Endless(Scripted):
        async def complete(
            self, messages: Sequence[Message], *, tier: Tier, max_tokens: int, call: LlmCall, on_text: OnText
        ) -> Completion:
            del messages, tier, max_tokens, call, on_text
            await asyncio.Event().wait()
            raise AssertionError

    gates = Gates()
    asking = asyncio.create_task(chain(Endless("a"), gates=gates).ask(ASK, str, name="ask"))
    for _ in range(10):
        await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert gates.notes == ["a cost None"]


async def test_an_answer_says_what_all_its_attempts_cost() -> None:
    first = Scripted("first", BackendError("rate_limited", "later"))
    chain = LlmChain([first, Scripted("second", ["hello"])], concurrency=1, timeout_s=5)
    assert (await chain.ask(ASK, str, name="greet")).cost_nano == 250_000_000


async def test_a_cost_that_nobody_knows_makes_the_sum_unknown() -> None:
    first = Scripted("first", BackendError("bad_response", "no JSON"))  # it has answered, and has no price
    chain = LlmChain([first, Scripted("second", ["hello"])], concurrency=1, timeout_s=5)
    assert (await chain.ask(ASK, str, name="greet")).cost_nano is None


async def test_a_call_that_failed_says_what_it_cost() -> None:
    def refuse(_text: str) -> str:
        raise ValueError("of no use")

    chain = LlmChain([Scripted("only", ["hello"])], concurrency=1, timeout_s=5)
    with pytest.raises(ChainError) as raised:
        await chain.ask(ASK, refuse, name="greet")
    assert raised.value.cost_nano == 250_000_000


async def test_a_backend_that_answers_in_a_moment_is_asked_again(spans: Callable[[], list[ReadableSpan]]) -> None:
    gates = Gates()
    busy = BackendError("rate_limited", "later", retry_after_s=0.01)
    asked = [Scripted("a", BackendError("timeout", "60 s")), Scripted("b", busy, busy, ["day"]), Scripted("c")]
    chained = LlmChain(asked, concurrency=1, timeout_s=5, max_wait_s=1, breaker=gates, limits=gates)
    answer = await chained.ask(ASK, str, name="ask")
    assert (answer.backend, answer.attempts) == ("b", 4)
    shown = [(span.attributes or {}) for span in spans()]
    assert [each.get("spantail.attempt") for each in shown] == [None, 2, 3, 4]
    assert [each.get("spantail.fallback.from") for each in shown] == [None, "a", None, None], "it fell back once"


@pytest.mark.parametrize(("wants_s", "tries"), [(2.0, 1), (0.001, 3), (None, 1)])
async def test_it_is_not_waited_for_without_end(wants_s: float | None, tries: int) -> None:
    gates = Gates()
    busy = [BackendError("overloaded", "later", retry_after_s=wants_s) for _ in range(4)]
    asked = [Scripted("a", *busy), Scripted("b", ["day"])]
    chained = LlmChain(asked, concurrency=1, timeout_s=5, max_wait_s=1, breaker=gates, limits=gates)
    answer = await chained.ask(ASK, str, name="ask")
    assert (answer.backend, answer.attempts) == ("b", tries + 1)

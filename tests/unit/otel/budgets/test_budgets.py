"""Budgets: what is reserved before a call, what is booked after it, and what is refused before anything is sent."""

from __future__ import annotations

import asyncio
import contextvars
import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.trace import StatusCode

import spantail
from spantail import BudgetExceededError, WorstCaseUnknownError
from spantail.budgets import most_tokens, worst_case

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.unit.otel.conftest import Spans

MODEL = "gpt-4o-mini"
INPUT_NANO, OUTPUT_NANO = 150, 600  # of one token


def _call(input_tokens: int = 1_000, max_tokens: int = 100, **given: Any) -> spantail.LlmCall:
    given = {"backend": "openai", "model": MODEL, **given}
    return spantail.llm_call(input_tokens=input_tokens, max_tokens=max_tokens, **given)


WORST_NANO = 1_000 * INPUT_NANO + 100 * OUTPUT_NANO


def test_the_worst_case_is_reserved_and_the_cost_takes_its_place() -> None:
    with spantail.budget(usd=1) as budget, _call() as call:
        assert budget.reserved_usd * 1e9 == pytest.approx(WORST_NANO)
        assert budget.spent_usd == 0
        call.usage(input_tokens=900, output_tokens=10)
    assert budget.reserved_usd == 0
    assert round(budget.spent_usd * 1e9) == 900 * INPUT_NANO + 10 * OUTPUT_NANO
    assert call.cost_nano == 900 * INPUT_NANO + 10 * OUTPUT_NANO


def test_what_the_backend_says_goes_before_the_price_table() -> None:
    with spantail.budget(usd=1) as budget, _call() as call:
        call.usage(input_tokens=900, output_tokens=10)
        call.cost(0.01)
    assert budget.spent_usd == 0.01


def test_a_call_that_does_not_fit_is_refused_before_it_begins(spans: Spans) -> None:
    sent = []
    with spantail.operation("job"), spantail.budget(usd=0.0003, name="small"):
        with _call() as call:
            call.usage(input_tokens=1_000, output_tokens=100)
        with pytest.raises(BudgetExceededError) as refused, _call():
            sent.append(1)
    assert not sent
    error = refused.value
    assert str(error) == (
        "the budget 'small' of 0.0003 USD is met: 0.00021 USD spent, 0.00 USD reserved by calls that run, "
        "this call may cost 0.00021 USD"
    )
    assert (error.scope, error.limit_nano, error.spent_nano, error.reserved_nano, error.wanted_nano) == (
        "small", 300_000, WORST_NANO, 0, WORST_NANO,
    )  # fmt: skip
    stopped = [span for span in spans.all() if (span.attributes or {}).get("spantail.status") == "skipped"]
    assert len(stopped) == 1
    attributes = dict(stopped[0].attributes or {})
    assert attributes["spantail.reason"] == str(error)
    assert "spantail.cost.source" not in attributes
    assert stopped[0].status.status_code is StatusCode.UNSET


def test_the_operation_shows_how_its_budget_stands(spans: Spans) -> None:
    with spantail.budget(usd=1, name="job"), spantail.operation("job") as scope, spantail.layer("ask"), _call() as call:
        shown: Any = scope.span
        assert shown.attributes["spantail.budget.reserved_usd"] == WORST_NANO / 1e9
        call.cost(0.25)
    attributes = dict(spans.one("job").attributes or {})
    assert {name: value for name, value in attributes.items() if name.startswith("spantail.budget.")} == {
        "spantail.budget.name": "job",
        "spantail.budget.limit_usd": 1.0,
        "spantail.budget.spent_usd": 0.25,
        "spantail.budget.reserved_usd": 0.0,
    }


def test_budgets_inside_each_other_all_hold() -> None:
    with spantail.budget(usd=0.0005, name="outer") as outer:
        with spantail.budget(usd=1, name="inner") as inner:
            with _call() as call:
                call.cost(0.0004)
            with pytest.raises(BudgetExceededError, match="'outer'"), _call():
                pass
        assert inner.spent_usd == outer.spent_usd == 0.0004
        with spantail.budget(usd=0, name="nothing"), pytest.raises(BudgetExceededError, match="'nothing'"), _call(1, 1):
            pass
        assert outer.reserved_usd == 0
    with _call():  # outside of all of them
        pass
    assert outer.spent_usd == 0.0004


def test_a_model_without_a_price_is_refused_unless_allowed() -> None:
    with spantail.budget(usd=1), pytest.raises(WorstCaseUnknownError, match="no price is known for house-model"):
        with _call(model="house-model"):
            pass
    with spantail.budget(usd=1, unpriced="allow") as budget:
        with _call(model="house-model") as call:
            assert budget.reserved_usd == 0
            call.cost(1.5)
        with pytest.raises(BudgetExceededError, match="nothing is left"), _call(model="house-model"):
            pass
    assert budget.spent_usd == 1.5


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "give the prompt or input_tokens"),
        ({"prompt": "Hello"}, "give max_tokens"),
        ({"max_tokens": 5}, "give the prompt or input_tokens"),
        ({"prompt": [{"type": "image_url", "image_url": {"url": "https://x/y.png"}}], "max_tokens": 5}, "input_tokens"),
    ],
)
def test_a_call_without_bounds_is_refused(given: dict[str, Any], message: str) -> None:
    with spantail.budget(usd=1), pytest.raises(WorstCaseUnknownError, match=message):
        with spantail.llm_call(backend="openai", model=MODEL, **given):
            pass


def test_a_call_whose_cost_nobody_knows_counts_with_its_worst_case() -> None:
    with spantail.budget(usd=1) as budget:
        with _call():
            pass
        with pytest.raises(TimeoutError), _call():
            raise TimeoutError
    assert round(budget.spent_usd * 1e9) == 2 * WORST_NANO
    assert budget.reserved_usd == 0


class _StatusError(Exception):
    status_code = 429


def _answer_that_breaks_off() -> None:
    with _call() as call:
        call.chunk("some of the answer")
        raise _StatusError


def test_a_call_that_was_answered_with_an_http_error_costs_nothing() -> None:
    with spantail.budget(usd=1) as budget:
        with pytest.raises(_StatusError), _call():
            raise _StatusError
        with pytest.raises(RuntimeError), _call():
            raise RuntimeError from ConnectionRefusedError()
        assert budget.spent_usd == 0
        with pytest.raises(_StatusError):
            _answer_that_breaks_off()
    assert round(budget.spent_usd * 1e9) == WORST_NANO


@pytest.mark.parametrize("status_code", [408, 504, 524])
def test_a_gateway_that_ran_out_of_time_says_nothing_of_what_is_billed(status_code: int) -> None:
    error = _StatusError()
    error.status_code = status_code
    with spantail.budget(usd=1) as budget, pytest.raises(_StatusError), _call():
        raise error
    assert round(budget.spent_usd * 1e9) == WORST_NANO


def test_embeddings_have_no_answer_to_pay_for() -> None:
    with spantail.budget(usd=1) as budget:
        with spantail.llm_call(
            backend="openai", model="text-embedding-3-small", operation="embeddings", prompt=["a text"]
        ):
            assert 0 < budget.reserved_usd < 1e-5


def test_a_decorated_function_has_a_budget_for_each_call() -> None:
    @spantail.budget(usd=0.0003)
    def work() -> None:
        with _call() as call:
            call.cost(0.0002)

    work()
    work()

    @spantail.budget(usd=0.0003)
    def twice() -> None:
        work()
        work()

    with pytest.raises(BudgetExceededError, match=r"twice' of 0.0003 USD is met"):
        twice()


def test_generators_and_coroutines_are_held_too() -> None:
    @spantail.budget(usd=0.0003)
    def answers() -> Iterator[int]:
        for number in range(2):
            with _call() as call:
                call.cost(0.0002)
            yield number

    @spantail.budget(usd=0.0003)
    async def later_answers() -> AsyncIterator[int]:
        for number in answers():
            yield number

    @spantail.budget(usd=0.0003)
    async def ask() -> None:
        async for _ in later_answers():
            with _call():  # the generators' budgets are not in force here
                await asyncio.sleep(0)

    given = answers()
    assert next(given) == 0
    with pytest.raises(BudgetExceededError):
        next(given)
    with pytest.raises(BudgetExceededError):
        asyncio.run(ask())


def test_tasks_of_one_budget_share_it() -> None:
    begun = []

    async def one() -> None:
        async with _call() as call:
            begun.append(1)
            await asyncio.sleep(0)
            call.cost(WORST_NANO / 1e9)

    async def main() -> float:
        async with spantail.budget(usd=5 * WORST_NANO / 1e9) as budget:
            done = await asyncio.gather(*(one() for _ in range(20)), return_exceptions=True)
            assert sum(isinstance(one, BudgetExceededError) for one in done) == 15
            return budget.spent_usd

    assert asyncio.run(main()) == pytest.approx(5 * WORST_NANO / 1e9)
    assert len(begun) == 5


def test_threads_started_with_the_context_share_it() -> None:
    def one(_: int) -> bool:
        try:
            with _call() as call:
                call.cost(WORST_NANO / 1e9)
        except BudgetExceededError:
            return False
        return True

    with spantail.budget(usd=5 * WORST_NANO / 1e9), ThreadPoolExecutor(8) as pool:
        contexts = [contextvars.copy_context() for _ in range(20)]
        began = [future.result() for future in [pool.submit(context.run, one, 1) for context in contexts]]
    assert began.count(True) == 5


def test_the_same_budget_may_be_entered_again_and_keeps_what_was_spent() -> None:
    budget = spantail.budget(usd=0.0005)
    for _ in range(2):
        with budget, _call() as call:
            call.cost(0.0002)
    assert not budget.is_current()
    with budget, pytest.raises(BudgetExceededError), _call():
        pass


def test_a_budget_inside_of_itself_counts_once() -> None:
    with spantail.budget(usd=1) as budget, budget, _call() as call:
        assert round(budget.reserved_usd * 1e9) == WORST_NANO
        call.cost(0.1)
    assert budget.spent_usd == 0.1
    with budget, budget, _call(reported=True) as call:
        call.cost(0.1)
    assert budget.spent_usd == 0.2


def test_a_reservation_by_hand() -> None:
    with spantail.budget(usd=1) as budget:
        with spantail.reserve(usd=0.6) as reservation:
            assert budget.reserved_usd == 0.6
            reservation.settle(usd=0.1)
            reservation.settle(usd=0.2)
        assert budget.spent_usd == pytest.approx(0.3)
        with pytest.raises(BudgetExceededError), spantail.reserve(usd=0.8):
            pass
        with spantail.reserve(usd=0.6):
            pass  # says nothing
        assert budget.spent_usd == pytest.approx(0.9)
        with pytest.raises(_StatusError), spantail.reserve(usd=0.1):
            raise _StatusError
    assert budget.spent_usd == pytest.approx(0.9)


def test_calls_inside_a_reservation_draw_on_it() -> None:
    with spantail.budget(usd=1) as budget:
        with spantail.reserve(usd=0.6):
            for _ in range(3):
                with _call(max_tokens=10_000_000) as call:  # more than the budget, but reserved is reserved
                    call.cost(0.1)
            with spantail.budget(usd=0.5) as inner, _call() as call:
                assert round(inner.reserved_usd * 1e9) == WORST_NANO
                call.cost(0.1)
            assert inner.spent_usd == 0.1
            assert budget.reserved_usd == 0.6
    assert budget.spent_usd == pytest.approx(0.4)


def test_a_call_of_unknown_cost_inside_a_reservation_counts_with_all_of_it() -> None:
    with spantail.budget(usd=1) as budget, spantail.reserve(usd=0.6), _call():
        pass
    assert budget.spent_usd == 0.6


def test_a_call_that_outlives_its_reservation_is_booked() -> None:
    with spantail.budget(usd=1) as budget:
        with spantail.reserve(usd=0.3) as reservation:
            with _call() as call:
                call.cost(0.1)
            lasting, silent = _call(), _call()
            lasting.begin()
            silent.begin()
            reservation.settle(usd=0.1)
        assert budget.spent_usd == pytest.approx(0.2)
        lasting.cost(0.25)
        lasting.finish()
        assert budget.spent_usd == pytest.approx(0.45)
        silent.finish()  # says nothing: at least what was reserved, which is there already
        assert budget.spent_usd == pytest.approx(0.45)
        with spantail.reserve(usd=0.3):
            lasting = _call()
            lasting.begin()
        assert budget.spent_usd == pytest.approx(0.75)  # with all that was reserved
        lasting.cost(0.1)
        lasting.finish()  # in that already
    assert budget.spent_usd == pytest.approx(0.75)


def test_reservations_inside_each_other_reserve_once() -> None:
    with spantail.budget(usd=1) as budget:
        with spantail.reserve(usd=0.6), spantail.reserve(usd=0.5) as inner:
            assert budget.reserved_usd == 0.6
            inner.settle(usd=0.2)
        assert budget.spent_usd == 0.2
        with pytest.raises(RuntimeError, match="used once"), inner:
            pass
    with spantail.reserve(usd=5):  # without a budget around it does nothing
        pass


@pytest.mark.parametrize("usd", [-1, float("nan"), float("inf"), 1e6, "1", None, True])
def test_a_limit_that_is_no_amount_is_refused(usd: Any) -> None:
    with pytest.raises(ValueError, match="must be an amount in US dollars"):
        spantail.budget(usd=usd)
    with pytest.raises(ValueError, match="must be an amount in US dollars"):
        spantail.reserve(usd=usd)
    with pytest.raises(ValueError, match="must be 'refuse' or 'allow'"):
        spantail.budget(usd=1, unpriced="maybe")  # type: ignore[arg-type]


def test_a_prompt_is_counted_from_its_bytes() -> None:
    assert most_tokens("Grüße") == 7 + 16
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": [{"text": "Hello"}]}]
    counted = most_tokens(messages)
    assert counted is not None
    assert counted > len(str(messages))
    tools = most_tokens({"messages": messages, "tools": [{"name": "look", "input_schema": {"type": "object"}}]})
    assert tools is not None
    assert tools > counted + 500
    assert most_tokens(object()) is None
    assert most_tokens([{"type": "input_audio", "input_audio": {}}]) is None
    endless: list[Any] = []
    endless.append(endless)
    assert most_tokens(endless) is None


def test_a_tokenizer_of_the_application_counts_closer() -> None:
    def by_words(model: str, prompt: object) -> int:
        assert model == MODEL
        return len(str(prompt).split())

    def broken(model: str, prompt: object) -> int:
        raise OSError(model, prompt)

    with spantail.budget(usd=1, count_tokens=by_words) as budget:
        with spantail.llm_call(backend="openai", model=MODEL, prompt="two words", max_tokens=0):
            assert round(budget.reserved_usd * 1e9) == 2 * INPUT_NANO
    with spantail.budget(usd=1, count_tokens=broken) as budget:
        with spantail.llm_call(backend="openai", model=MODEL, prompt="two words", max_tokens=0):
            assert round(budget.reserved_usd * 1e9) == (9 + 16) * INPUT_NANO


def test_the_worst_case_takes_the_dearest_kind_of_tokens() -> None:
    claude = worst_case(model="claude-sonnet-4-5", provider="anthropic", input_tokens=1_000, max_tokens=100)
    assert claude == 1_000 * 3_750 + 100 * 15_000  # all of the prompt is written to a cache
    assert worst_case(model=MODEL, provider="openai", input_tokens=1_000, max_tokens=100) == WORST_NANO


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # of Python 3.12 and later
def test_a_child_process_has_a_lock_of_its_own() -> None:
    from spantail.budgets import accounts

    with spantail.budget(usd=1):
        with accounts._lock.held():
            child = multiprocessing.get_context("fork").Process(target=_one_call)
            child.start()
        child.join(30)
    assert child.exitcode == 0


def _one_call() -> None:
    with _call():
        pass


@pytest.mark.parametrize(
    "wrong",
    [{"input_tokens": "9"}, {"max_tokens": [9]}, {"input_tokens": object()}],
    ids=["a text", "a list", "an object"],
)
def test_numbers_of_a_wrong_type_are_unknown_ones(spans: Spans, wrong: dict[str, Any]) -> None:
    with spantail.budget(usd=1), pytest.raises(WorstCaseUnknownError), _call(**wrong):
        raise AssertionError("not reached")
    assert dict(spans.one().attributes or {})["spantail.status"] == "skipped"
    with spantail.budget(usd=1, unpriced="allow") as budget, _call(**wrong) as call:
        call.usage(input_tokens=900, output_tokens=10)
    assert round(budget.spent_usd * 1e9) == 900 * INPUT_NANO + 10 * OUTPUT_NANO

"""Whatever calls do at the same time, budgets hold: any order of their steps, in tasks and in threads."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from typing import TYPE_CHECKING, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

import spantail
from spantail import BudgetExceededError

if TYPE_CHECKING:
    from collections.abc import Sequence

CALLS = 20
MODEL, INPUT_NANO, OUTPUT_NANO = "gpt-4o-mini", 150, 600


class Plan(NamedTuple):
    """What one call does: its bounds, the part of them that it uses, and when it goes on, in steps of the loop."""

    input_tokens: int
    max_tokens: int
    share: float | None  # None: nobody knows what it cost
    waits: tuple[int, int]
    fails: bool

    @property
    def worst_nano(self) -> int:
        return self.input_tokens * INPUT_NANO + self.max_tokens * OUTPUT_NANO


plans = st.lists(
    st.builds(
        Plan,
        st.integers(0, 5_000),
        st.integers(0, 2_000),
        st.one_of(st.none(), st.floats(0, 1)),
        st.tuples(st.integers(0, 5), st.integers(0, 5)),
        st.booleans(),
    ),
    min_size=CALLS,
    max_size=CALLS,
)
limits = st.integers(0, 15_000_000)  # nano-USD; the calls together want some 27 million on average


class _FailedError(Exception):
    pass


def _used(plan: Plan, call: spantail.LlmCall) -> None:
    if plan.share is not None:
        call.usage(input_tokens=int(plan.input_tokens * plan.share), output_tokens=int(plan.max_tokens * plan.share))
    if plan.fails:
        raise _FailedError


def _cost_nano(plan: Plan) -> int:
    if plan.share is None:
        return plan.worst_nano
    return int(plan.input_tokens * plan.share) * INPUT_NANO + int(plan.max_tokens * plan.share) * OUTPUT_NANO


def _opened(plan: Plan) -> spantail.LlmCall:
    return spantail.llm_call(backend="openai", model=MODEL, input_tokens=plan.input_tokens, max_tokens=plan.max_tokens)


def _check(budgets: Sequence[spantail.Budget]) -> None:
    for budget in budgets:
        account = budget.account
        assert account.reserved_nano >= 0
        assert account.spent_nano + account.reserved_nano <= account.limit_nano


@given(plans=plans, limit=limits, inner_limits=st.tuples(limits, limits))
@settings(max_examples=60, deadline=None)
def test_tasks_in_any_order_stay_within_every_limit(
    plans: list[Plan], limit: int, inner_limits: tuple[int, int]
) -> None:
    outer = spantail.budget(usd=limit / 1e9, name="outer")
    inner = [spantail.budget(usd=each / 1e9, name=f"inner {each}") for each in inner_limits]
    booked = [0, 0]

    async def one(plan: Plan, number: int) -> None:
        before, during = plan.waits
        for _ in range(before):
            await asyncio.sleep(0)
        try:
            with inner[number % 2], _opened(plan) as call:
                _check([outer, *inner])
                for _ in range(during):
                    await asyncio.sleep(0)
                booked[number % 2] += _cost_nano(plan)
                _used(plan, call)
        except (BudgetExceededError, _FailedError):
            pass
        _check([outer, *inner])

    async def main() -> None:
        with outer:
            await asyncio.gather(*(one(plan, number) for number, plan in enumerate(plans)))

    asyncio.run(main())
    assert [each.account.spent_nano for each in inner] == booked
    assert outer.account.spent_nano == sum(booked)
    assert all(each.account.reserved_nano == 0 for each in [outer, *inner])


@given(plans=plans, limit=limits)
@settings(max_examples=15, deadline=None)
def test_threads_stay_within_the_limit(plans: list[Plan], limit: int) -> None:
    budget = spantail.budget(usd=limit / 1e9)
    at_once = threading.Barrier(CALLS)
    booked: list[int] = []
    wrong: list[BaseException] = []

    def one(plan: Plan) -> None:
        at_once.wait(30)
        try:
            with _opened(plan) as call:
                _check([budget])
                booked.append(_cost_nano(plan))
                _used(plan, call)
        except (BudgetExceededError, _FailedError):
            pass
        except BaseException as error:  # noqa: BLE001 - said by the test, not by the thread
            wrong.append(error)

    with budget:
        threads = [threading.Thread(target=contextvars.copy_context().run, args=(one, plan)) for plan in plans]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not wrong
    assert budget.account.spent_nano == sum(booked)
    assert budget.account.spent_nano <= limit
    assert budget.account.reserved_nano == 0

"""Every case: the tokens, the amount, who says so, and the note; and that the suite itself is right and wide enough."""

from __future__ import annotations

import pytest

from spantail.pricing import table as price_table
from tests.unit.money.arithmetic import rates_in_table, sum_of, terms
from tests.unit.money.judge import judge, nano_of
from tests.unit.money.loading import Case, all_cases, single_cases

CASES = all_cases()


@pytest.mark.parametrize("case", single_cases(), ids=lambda case: case.id)
def test_the_event_says_what_is_right(case: Case) -> None:
    verdict = judge(case)
    assert not verdict.faults, f"{case.why}\n{case.attributes}"


def test_no_call_changes_what_another_one_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The price table remembers models and providers: in whatever order they come, each has its own price."""
    found = []
    for cases in (single_cases(), single_cases()[::-1]):
        monkeypatch.setattr(price_table, "_present", None)  # one that has seen nothing yet
        found.append({case.id: (verdict.cost_nano, verdict.cost_note) for case in cases for verdict in [judge(case)]})
    assert found[0] == found[1]


@pytest.mark.parametrize("case", [case for case in CASES if terms(case.why)], ids=lambda case: case.id)
def test_the_amount_is_the_sum_in_the_reason(case: Case) -> None:
    right = case.run or case.expected
    total = sum_of(case.why)
    assert right is not None
    assert right.cost_usd is not None
    assert total is not None
    assert nano_of(right.cost_usd) == nano_of(str(total))


@pytest.mark.parametrize("case", [case for case in CASES if case.priced_by], ids=lambda case: case.id)
def test_the_rates_stand_in_the_price_table(case: Case) -> None:
    """A newer price table may have other rates: then the amount of the case is to be worked out anew."""
    rates = rates_in_table(case)
    assert [str(rate) for _, rate, _ in terms(case.why) if rate not in rates] == []


def test_the_suite_is_wide_enough() -> None:
    assert len(CASES) >= 60
    assert len({case.library for case in CASES}) >= 15
    assert len({case.provider for case in CASES}) >= 6


def test_every_case_has_its_own_name_a_source_and_a_reason() -> None:
    assert len({case.id for case in CASES}) == len(CASES)
    assert [case.id for case in CASES if not (case.source and case.library_version and case.why)] == []


def test_an_amount_that_we_calculate_has_its_sum_and_its_rates() -> None:
    for case in single_cases():
        assert case.expected is not None
        if case.expected.cost_usd is None:
            assert case.expected.cost_source in {"unpriced", None}, case.id
        assert bool(terms(case.why)) == bool(case.priced_by), case.id

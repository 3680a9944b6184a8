"""What the spans of a whole run come to: a wrapper counts when it alone tells tokens and cost, else its calls do."""

from __future__ import annotations

import pytest

from tests.unit.money.loading import Case, run_cases
from tests.unit.money.runs import faults_of_runs


@pytest.mark.parametrize("case", run_cases(), ids=lambda case: case.id)
async def test_the_run_comes_to_what_is_right(redis_url: str, case: Case) -> None:
    assert await faults_of_runs(redis_url, case) == [], case.why

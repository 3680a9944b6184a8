"""What the service says of a run as a whole, held to the cases that hold the page: `tests/golden/whole_run`."""

from __future__ import annotations

import random

import pytest

from tests.support.runs.rules import why
from tests.support.runs.whole_runs import Case, cases, made_of


@pytest.mark.parametrize("case", cases(), ids=why)
def test_a_whole_run_is_what_the_page_makes_of_it(case: Case) -> None:
    right = {name: case[name] for name in ("skews", "as_sent", "adjusted") if name in case}
    assert made_of(case) == right
    shuffled = random.Random(1).sample(case["spans"], len(case["spans"]))
    assert made_of(case | {"spans": shuffled}) == right, "in whatever order the spans are read"

"""The soak of the queue in short."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.soak.queue_accounts import close_queue_accounts
from tests.soak.queue_conductor import DAY_USD, MAX_ATTEMPTS, QueueConductor

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.parametrize("seed", [1])
def test_every_item_has_one_end_under_random_kills(tmp_path: Path, seed: int) -> None:
    said: list[str] = []
    with QueueConductor(tmp_path, seed, say=said.append) as conductor:
        conductor.conduct(8, 60)
        accounts = close_queue_accounts(conductor, MAX_ATTEMPTS)
    story = "\n".join([*said, accounts.table()])
    assert accounts.closed, story
    assert sum(accounts.ends.values()) == 60, story
    assert accounts.ends["succeeded"] > 30, story
    assert sum(accounts.spent_usd.values()) > DAY_USD / 2, f"too little was asked to meet a budget\n{story}"
    assert accounts.runs["abandoned"] > 0, f"the blows met nothing\n{story}"

"""`python -m tests.soak --minutes 5 --seed N`: random kills under load, then the accounts; 1 when they stay open.

With `--queue` it is the job queue with its runners that is broken, else applications and their spans.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tests.soak.accounts import close_accounts
from tests.soak.conductor import Conductor
from tests.soak.queue_accounts import close_queue_accounts
from tests.soak.queue_conductor import MAX_ATTEMPTS, QueueConductor
from tests.support.runs.live_runs import StoredRun

if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> int:
    """Run the soak and print the accounts."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=None, help="throws the same dice again; timing still differs")
    parser.add_argument("--workers", type=int, default=2, help="workload processes at a time")
    parser.add_argument("--queue", action="store_true", help="the job queue and four runners instead")
    parser.add_argument("--items", type=int, default=500, help="with --queue: how many items are queued")
    parser.add_argument("--keep", type=Path, help="folder for ledgers and logs, kept afterwards; made if missing")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1_000_000)
    say = partial(print, flush=True)
    say(f"soak: {options.minutes:g} minutes, seed {seed}")
    with tempfile.TemporaryDirectory(prefix="spantail-soak-") as scratch:
        folder = options.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        if options.queue:
            return _soak_queue(folder, seed, options.minutes, options.items, say)
        with Conductor(folder, seed, workers=options.workers, say=say) as conductor:
            conductor.conduct(options.minutes * 60)
            accounts = close_accounts(conductor.journal, partial(StoredRun, conductor.redis.url))
    say(accounts.table())
    return 0 if accounts.closed else 1


def _soak_queue(folder: Path, seed: int, minutes: float, items: int, say: Callable[[str], None]) -> int:
    with QueueConductor(folder, seed, say=say) as conductor:
        conductor.conduct(minutes * 60, items)
        accounts = close_queue_accounts(conductor, MAX_ATTEMPTS)
    say(accounts.table())
    return 0 if accounts.closed else 1


if __name__ == "__main__":
    sys.exit(main())

"""`python -m tests.unit.money`: the share of the cases that is right, by library; ends with 1 when one is not.

`right` shows the right amount; `unpriced` shows none, rightly, and says why; `WRONG` is anything else, and `silent`
those of them that show another amount. `-v` tells what is wrong with each.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import Counter, defaultdict

from bench.support.servers import private_redis
from tests.unit.money.judge import judge
from tests.unit.money.loading import run_cases, single_cases
from tests.unit.money.runs import faults_of_runs


def main() -> int:
    """Print the table and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.unit.money", description=__doc__)
    parser.add_argument("-v", "--verbose", action="store_true", help="say what is wrong with each case")
    verbose = parser.parse_args().verbose
    table: dict[str, Counter[str]] = defaultdict(Counter)
    reported: list[str] = []
    for case in single_cases():
        verdict = judge(case)
        row = table[case.library]
        row["cases"] += 1
        row["WRONG" if verdict.faults else "unpriced" if verdict.cost_nano is None else "right"] += 1
        row["silent"] += verdict.silently_wrong
        reported += [f"{case.id}: {fault}" for fault in verdict.faults]
    with private_redis() as url:
        for case in run_cases():
            faults = asyncio.run(faults_of_runs(url, case))
            row = table[case.library]
            row["cases"] += 1
            row["WRONG" if faults else "right"] += 1
            row["silent"] += any("nano-USD" in fault for fault in faults)
            reported += [f"{case.id}: {fault}" for fault in faults]
    _print(table)
    if verbose:
        print("", *reported, sep="\n")
    return 1 if reported else 0


def _print(table: dict[str, Counter[str]]) -> None:
    names = ("cases", "right", "unpriced", "WRONG", "silent")
    width = max(map(len, table))
    print(f"{'library':{width}}", *(f"{name:>8}" for name in names))
    for library, row in sorted(table.items()):
        print(f"{library:{width}}", *(f"{row[name]:8}" for name in names))
    total = sum(table.values(), Counter[str]())
    print(f"{'all':{width}}", *(f"{total[name]:8}" for name in names))
    share = 100 * (total["right"] + total["unpriced"]) / total["cases"]
    print(f"\n{share:.1f} % right, {total['silent']} wrong by silence, {len(table)} libraries")


if __name__ == "__main__":
    sys.exit(main())

"""`python -m tests.interop.table [PROGRAM …]`: sends a run to other programs and writes what arrived of it.

Each program runs on loopback, as somebody starts it who has just installed it. The result is docs/interoperability.md;
with names of programs their lines alone are printed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.interop.table.incoming import everything_seen
from tests.interop.table.page import PAGE, written
from tests.interop.table.programs import PROGRAMS
from tests.interop.table.sending import row_of

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.interop.table", description=__doc__)
    names = [program.name.partition(" ")[0] for program in PROGRAMS]
    parser.add_argument("programs", nargs="*", metavar="PROGRAM", help=", ".join(names))
    asked = parser.parse_args(arguments).programs
    if unknown := set(asked) - set(names):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    rows = []
    for name, program in zip(names, PROGRAMS, strict=True):
        if asked and name not in asked:
            continue
        with tempfile.TemporaryDirectory(prefix="spantail-interop-") as folder, program.run(Path(folder)) as place:
            rows.append(row_of(program.name, place, Path(folder)))
        print(*rows[-1], sep=" | ")
    if not asked:
        PAGE.write_text(written(rows, everything_seen()), encoding="utf-8")
        print(f"written: {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

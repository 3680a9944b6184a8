"""Run the benchmarks: `python -m bench [NAME ...]`, all of them when no name is given."""

from __future__ import annotations

import argparse
import os
import platform
from importlib import import_module

NAMES = ("hot_path", "throughput", "latency", "viewers", "ingest", "page")


def main() -> None:
    """Parse the names and run them in order."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(NAMES)}; default: all")
    parser.add_argument("--rounds", type=int, help="how often each figure is taken; the median is printed")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(NAMES)
    if unknown:
        parser.error(f"no benchmark named {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}")
    for name in arguments.names or NAMES:
        module = import_module(f"bench.{name}")
        module.run(**({"rounds": arguments.rounds} if arguments.rounds else {}))


if __name__ == "__main__":
    main()

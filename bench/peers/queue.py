"""The same job that does nothing through Spantail's queue, saq and docket: `python -m bench.peers.queue [--items N]`.

The others come from PyPI, in the versions that `queue_peers.txt` names, in a virtual environment below the user's cache
folder. All work on the same Redis server, one after the other, with as many processes and jobs at a time. What they
promise differs: saq and docket acknowledge jobs, Spantail also has tokens that keep a late worker from writing.

Not part of `make bench`: the first time downloads packages.
"""

from __future__ import annotations

import argparse
import subprocess
from pathlib import Path
from typing import Final

import redis as redis_py

from bench.figures.queue import RUNNERS, finished, throughput, workers
from bench.peers.environments import environment_of
from bench.support.servers import private_redis

ITEMS: Final = 5_000
_FOLDER: Final = Path(__file__).parent
_REQUIREMENTS: Final = _FOLDER / "queue_peers.txt"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.peers.queue", description=__doc__)
    parser.add_argument("--items", type=int, default=ITEMS)
    number = parser.parse_args().items
    python = environment_of("queue-peers", f"--requirement={_REQUIREMENTS}") / "bin" / "python"
    with private_redis() as url, redis_py.Redis.from_url(url) as client:
        for count in RUNNERS:
            print(f"\n{count} runners")
            print(f"  {'spantail':10} {throughput(url, 'items', count, number):9,.0f} jobs/s")
            for peer in ("saq", "docket"):
                client.flushall()
                worker = [str(python), "-P", str(_FOLDER / "queue_worker.py"), peer, url]
                subprocess.run([*worker, str(number)], check=True)
                with workers([*worker, "0"], count, quiet=True) as processes:
                    print(f"  {peer:10} {finished(client, processes, number):9,.0f} jobs/s")


if __name__ == "__main__":
    main()

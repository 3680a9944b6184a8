"""Fuzz the OTLP routes of a real service for minutes, with new seeds: `python -m tests.fuzz --minutes 10`.

Ends at the first request that is not answered as it should be, and prints the seed; else with the worker's memory.
"""

from __future__ import annotations

import argparse
import sys
import time

import httpx
import psutil

from bench.support.servers import private_redis
from tests.fuzz.mutator import cases
from tests.integration.service.harness import spantail_process

_ANSWERS = {200, 400, 413, 415}


def main() -> int:
    """Return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=1_000, help="the first seed")
    arguments = parser.parse_args()
    end, seed, sent, early_mb, memory_mb = time.monotonic() + 60 * arguments.minutes, arguments.seed, 0, 0.0, 0.0
    with (
        private_redis() as url,
        spantail_process("serve", "--port", "0", "--redis-url", url) as service,
        httpx.Client(timeout=30) as client,
    ):
        service.await_ready()
        worker = psutil.Process(service.process.pid)
        while time.monotonic() < end:
            for case in cases(seed, 200):
                answer = client.post(service.url + case.path, content=case.body, headers=case.headers)
                sent += 1
                if answer.status_code not in _ANSWERS:
                    print(f"seed {seed}: {answer.status_code} {answer.text[:500]}\n{case}\n{service.output[-3_000:]}")
                    return 1
            seed += 1
            memory_mb = worker.memory_info().rss / 1e6
            early_mb = early_mb or (memory_mb if sent >= 2_000 else 0.0)
        print(f"{sent} requests, seeds {arguments.seed} to {seed - 1}; {early_mb:.0f} MB early, {memory_mb:.0f} MB now")
    return 0


if __name__ == "__main__":
    sys.exit(main())

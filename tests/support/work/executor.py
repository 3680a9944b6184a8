"""An executor as it was written for log lines over Redis: a process of its own, told its run by an argument.

Run as a program: `executor.py RUN_ID OUTCOME`; it logs by `RedisPubSubHandler`, and its last line is the final status.
`OUTCOME` is `completed`, `failed`, or `wait`: then it logs, and waits for a line on its standard input in between.
"""

from __future__ import annotations

import logging
import sys

import spantail
from spantail.adapters import RedisPubSubHandler

log = logging.getLogger("executor")


def work(outcome: str) -> None:
    """Do the work of a run, made up here."""
    log.info("step one")
    log.debug("not wanted")
    log.warning("step %d of %d", 2, 2)
    if outcome == "wait":
        sys.stdin.readline()
        log.info("went on")
    if outcome == "failed":
        raise ValueError("the disk is full")


def main() -> None:
    """Run `work`, and say how it went."""
    run_id, outcome = sys.argv[1:]
    handle = spantail.configure(service_name="executor")
    handler = RedisPubSubHandler()
    # as the older executor did: each record bears the id of the run
    handler.addFilter(lambda record: record.__dict__.setdefault("run_id", run_id) == run_id)
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        work(outcome)
    except ValueError as error:
        log.exception("Run FAILED: %s", error)  # noqa: TRY401 - so the older executor wrote it
    else:
        log.info("Run COMPLETED")
    handle.shutdown()


if __name__ == "__main__":
    main()

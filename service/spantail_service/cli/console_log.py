"""What a process of the service writes to its console."""

from __future__ import annotations

import logging

from opentelemetry import trace

from spantail_service.client.terminal import LineFormatter


def log_to_console(who: str = "") -> None:
    """Write warnings to standard error, but for what stands in the tail of a run.

    Args:
        who: Stands in each line, where several processes write to the same console.
    """
    console = logging.StreamHandler()
    console.setLevel(logging.WARNING)
    console.addFilter(_outside_of_runs)
    console.setFormatter(LineFormatter(f"%(asctime)s %(levelname)s {f'{who} ' if who else ''}%(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[console])
    # What operations say goes into the tail of their runs, where it is read; the console has the warnings.
    logging.getLogger("spantail_service").setLevel(logging.INFO)


def _outside_of_runs(record: logging.LogRecord) -> bool:
    """Leave out what stands in the tail of a run anyway, errors excepted."""
    return record.levelno >= logging.ERROR or not trace.get_current_span().is_recording()

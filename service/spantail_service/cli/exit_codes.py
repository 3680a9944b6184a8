"""What the exit code of a command says."""

from __future__ import annotations

from typing import Final

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1
"""The command could not do its work: no answer from the service, or a refusal."""
EXIT_USAGE: Final = 2
"""A wrong option, a wrong setting or a taken port: what the caller has to change."""
EXIT_RUN_FAILED: Final = 3
EXIT_RUN_CANCELLED: Final = 4
EXIT_RUN_ABANDONED: Final = 5
"""The run's process died, or its source fell silent."""
EXIT_NO_RUN: Final = 6
"""The service does not have the run: never seen, expired or deleted."""
EXIT_INTERRUPTED: Final = 130
"""Ctrl-C, as shells count it: 128 + SIGINT."""
EXIT_NO_READER: Final = 141
"""Whoever read the output is gone (`| head`), as shells count it: 128 + SIGPIPE."""

_OF_RUN: Final = {
    "completed": EXIT_OK,
    "failed": EXIT_RUN_FAILED,
    "cancelled": EXIT_RUN_CANCELLED,
    "abandoned": EXIT_RUN_ABANDONED,
}


def exit_code_of(run_status: str) -> int:
    """The exit code for a run that ended so; `EXIT_FAILED` for a status that is no end."""
    return _OF_RUN.get(run_status, EXIT_FAILED)

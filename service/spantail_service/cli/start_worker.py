"""Starts a worker, which only a supervisor does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from spantail_service.cli.console_log import log_to_console
from spantail_service.cli.exit_codes import EXIT_FAILED
from spantail_service.cli.given_settings import given_settings
from spantail_service.client.terminal import complain
from spantail_service.web.listener import CannotServeError
from spantail_service.workers.worker import run_worker

if TYPE_CHECKING:
    from spantail_service.workers.worker import Place


def start_worker(place: Place) -> None:
    """Serve until the supervisor says that it is enough.

    Raises:
        typer.Exit: It could not start; it has been said why.
    """
    log_to_console(f"worker {place.number}")
    try:
        run_worker(given_settings(), place)
    except CannotServeError as error:
        complain(str(error))
        raise typer.Exit(EXIT_FAILED) from None

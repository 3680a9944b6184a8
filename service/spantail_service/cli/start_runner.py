"""Starts a runner in this terminal."""

from __future__ import annotations

from typing import Any

import typer
from rich.console import Console
from rich.text import Text

from spantail_service import __version__
from spantail_service.cli.console_log import log_to_console
from spantail_service.cli.exit_codes import EXIT_USAGE
from spantail_service.cli.given_settings import given_settings
from spantail_service.client.terminal import complain
from spantail_service.runner_process import run_runner


def start_runner(*, with_parent: bool, **options: Any) -> None:
    """Work until Ctrl-C, with `options` (by their settings' names; `None` is not given) before the environment.

    Raises:
        typer.Exit: A setting is wrong, or no Redis is named; it has been said which.
    """
    settings = given_settings(**options)
    log_to_console()
    if settings.storage.redis_url is None:
        complain("a runner needs the Redis of the service: set SPANTAIL_REDIS_URL, or give --redis-url.")
        raise typer.Exit(EXIT_USAGE)

    def announce(runner_id: str) -> None:
        if with_parent:
            return
        console = Console(highlight=False, soft_wrap=True)
        console.print(Text("Spantail runner ", style="bold"), Text(f"{__version__} {runner_id}"), sep="")
        lines = {
            "redis": settings.storage.shown_redis_url,
            "takes": f"{settings.jobs.runner_concurrency} at a time",
            "stop": "Ctrl-C",
        }
        for name, value in lines.items():
            console.print(Text(f"  {name:<6} ", style="dim"), Text(value), sep="")

    run_runner(settings, announce=announce, with_parent=with_parent)

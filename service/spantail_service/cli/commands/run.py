"""`spantail run`: start a program so that its runs are seen, print their links, and end as it ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from spantail_service.cli.exit_codes import EXIT_USAGE
from spantail_service.client.service_url import Token, Url, service_token, service_url, shown_url
from spantail_service.client.terminal import complain, harmless

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spantail_service.programs.child import Program
    from spantail_service.programs.own_runs import OwnRuns

EPILOG: Final = "Exit code: the program's own; 128 + n when signal n ended it; 127 when there is no such program."

_ANSWER_S: Final = 3.0
_LOOK_S: Final = 0.2
_RELAXED_LOOK_S: Final = 1.0
_EAGER_S: Final = 10.0
_LAST_LOOK_S: Final = 2.0
_MOST_LINKS: Final = 5

Command = Annotated[list[str], typer.Argument(metavar="-- PROGRAM [ARGUMENT]...", help="The program, after `--`.")]
Instrument = Annotated[
    bool,
    typer.Option(
        "--instrument",
        help="Start it with opentelemetry-instrument: for a Python program that sets no OpenTelemetry up itself.",
    ),
]


def run(
    command: Command,
    instrument: Instrument = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Start a program with all of it set: live exporter, OTLP, token; tell the links of its runs, on standard error.

    What the environment says already is kept. Without a service the program runs all the same, unseen.
    """
    words = _instrumented(command) if instrument else command
    raise typer.Exit(asyncio.run(_run(words, service_url(url), service_token(token))))


def _instrumented(command: Sequence[str]) -> list[str]:
    from spantail_service.programs.environment import python_of

    python = python_of(command[0])
    beside = Path(python).with_name("opentelemetry-instrument") if python else None
    found = str(beside) if beside and beside.exists() else shutil.which("opentelemetry-instrument")
    if found is None:
        complain("opentelemetry-instrument is not installed there: pip install opentelemetry-distro")
        raise typer.Exit(EXIT_USAGE)
    return [found, *command]


async def _run(command: Sequence[str], url: str, token: str | None) -> int:
    from spantail_service.client.http import ServiceClient, ServiceError
    from spantail_service.client.service_redis import redis_url_from_here
    from spantail_service.programs.child import CannotStartError, Program
    from spantail_service.programs.environment import (
        environment_for,
        has_livetail,
        python_of,
    )
    from spantail_service.programs.own_runs import OwnRuns

    launch_id = uuid.uuid4().hex
    environment = dict(os.environ)
    async with ServiceClient(url, token) as client:
        own_runs: OwnRuns | None = None
        try:
            async with asyncio.timeout(_ANSWER_S):
                about = await client.about()
            redis_url, livetail = await asyncio.gather(
                asyncio.to_thread(redis_url_from_here, about), asyncio.to_thread(has_livetail, python_of(command[0]))
            )
            environment = environment_for(
                command, os.environ, url=url, token=token, redis_url=redis_url, launch_id=launch_id,
                has_livetail=livetail,
            )  # fmt: skip
            own_runs = OwnRuns(client, launch_id=launch_id, service=environment.get("OTEL_SERVICE_NAME"))
            await own_runs.begin()
        except (ServiceError, TimeoutError) as error:
            why = str(error) or f"{shown_url(url)} does not answer in time."
            complain(f"{why}\nThe program runs unseen. Start the service first: spantail serve (or: make run)")
        try:
            with Program(command, environment) as program:
                if own_runs is not None:
                    await _print_runs(own_runs, program, url)
                return await program.exit_code()
        except CannotStartError as error:
            complain(str(error))
            return error.code


async def _print_runs(own_runs: OwnRuns, program: Program, url: str) -> None:
    """Print the link of each run as it appears, until the program has ended and its last runs have had time to come."""
    printed = 0
    began = time.monotonic()
    last_look: float | None = None  # when looking ends: set at the program's end
    while True:
        for run in await own_runs.look(program.pid):
            printed += 1
            if printed <= _MOST_LINKS:
                typer.echo(f"spantail: {shown_url(url)}/runs/{run['run_id']}  {harmless(run['name'])[:60]}", err=True)
            elif printed == _MOST_LINKS + 1:
                typer.echo(f"spantail: more runs: {shown_url(url)}/", err=True)
        now = time.monotonic()
        if last_look is None and program.ended.done():
            last_look = now + _LAST_LOOK_S
        elif last_look is not None and (printed or now > last_look):
            break
        pause = _RELAXED_LOOK_S if now - began > _EAGER_S else _LOOK_S
        if last_look is None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await asyncio.shield(program.ended)
        else:
            await asyncio.sleep(_LOOK_S)
    if not printed:
        complain(
            "no run of this program was seen. A Python program that sets no OpenTelemetry up itself: "
            "spantail run --instrument -- …; otherwise `spantail doctor` tells why."
        )

"""`spantail export`: a run in a file, or on standard output."""

from __future__ import annotations

import contextlib
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from spantail_service.cli.exit_codes import EXIT_FAILED, EXIT_OK
from spantail_service.client.service_url import Token, Url, service_token, service_url
from spantail_service.client.terminal import complain, harmless

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spantail_service.client.http import ServiceClient


class ExportFormat(StrEnum):
    """What a run can be written as."""

    OTLP = "otlp"
    PERFETTO = "perfetto"
    NDJSON = "ndjson"


RunId = Annotated[
    str, typer.Argument(metavar="RUN_ID", help="The run: its id, the first digits of it, or the page's address.")
]
Format = Annotated[
    ExportFormat,
    typer.Option(
        "--format",
        "-f",
        help="otlp: OTLP JSON, for any OpenTelemetry tool; perfetto: a Chrome trace, for ui.perfetto.dev; "
        "ndjson: the events, one a line.",
    ),
]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", dir_okay=False, help="Write to this file instead of standard output."),
]


def export(
    run_id: RunId,
    kind: Format = ExportFormat.OTLP,
    output: Output = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Write a run out, as OTLP JSON, as a Perfetto trace or as its events."""
    from spantail_service.cli.process import run_with_client

    run_with_client(service_url(url), service_token(token), lambda client: _export(client, run_id, kind.value, output))


async def _export(client: ServiceClient, given: str, kind: str, output: Path | None) -> int:
    from spantail_service.client.following import find_run

    run_id = await find_run(client, given)
    written = 0
    try:
        async with client.export(run_id, kind) as answer:
            with _opened(output) as file:
                async for chunk in answer.aiter_bytes():
                    file.write(chunk)
                    written += len(chunk)
                file.flush()
            unfinished = answer.headers.get("spantail-unfinished-spans", "")
    except BrokenPipeError:
        raise
    except OSError as error:
        complain(f"{output}: {error.strerror}")
        return EXIT_FAILED
    if output is not None:
        complain(f"{written:,} bytes written to {output}")
    if unfinished not in ("", "0"):
        complain(f"{harmless(unfinished)} spans are not in it: they have not ended yet.")
    return EXIT_OK


@contextlib.contextmanager
def _opened(output: Path | None) -> Iterator[BinaryIO]:
    """The file to write to. One that is named appears under its name when it is whole, and not before."""
    if output is None:
        yield sys.stdout.buffer
        return
    partial = output.with_name(f".{output.name}.{os.getpid()}.part")
    try:
        # for this user alone: what a run says may be for nobody else (`umask` cannot widen it)
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            yield file
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)

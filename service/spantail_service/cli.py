"""The ``spantail`` command."""

from __future__ import annotations

import ipaddress
import logging
import platform
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from opentelemetry import trace
from pydantic import ValidationError
from rich.console import Console
from rich.text import Text

from spantail_service import __version__
from spantail_service.settings import ENV_PREFIX, Settings

cli = typer.Typer(
    help="See every operation and every LLM call of a pipeline while it runs.",
    epilog="Settings are environment variables, SPANTAIL_* and OpenTelemetry's own OTEL_*; the options of a "
    "command go before them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # it would print local variables, and with them secrets
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

EXIT_FAILED = 1
EXIT_USAGE = 2
"""A wrong setting or a taken port: what the caller has to change."""

Host = Annotated[str | None, typer.Option("--host", help="Address to listen on [SPANTAIL_HOST, default 127.0.0.1].")]
Port = Annotated[
    int | None,
    typer.Option("--port", "-p", min=0, max=65_535, help="Port; 0 takes a free one [SPANTAIL_PORT, default 8321]."),
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        file_okay=False,
        help="Folder for the embedded Redis [SPANTAIL_DATA_DIR, default the user's data folder].",
    ),
]
RedisUrl = Annotated[
    str | None,
    typer.Option("--redis-url", help="Use this Redis instead of starting one [SPANTAIL_REDIS_URL]."),
]


@cli.command()
def serve(host: Host = None, port: Port = None, data_dir: DataDir = None, redis_url: RedisUrl = None) -> None:
    """Serve the page, the API and OTLP ingest until Ctrl-C.

    Without a Redis URL a Redis server is started and stopped with it, its data kept in the data folder.
    """
    _serve(_settings(host=host, port=port, data_dir=data_dir, redis_url=redis_url), workload=False)


@cli.command()
def demo(host: Host = None, port: Port = None, data_dir: DataDir = None, redis_url: RedisUrl = None) -> None:
    """As serve, on demo data: a job board and an LLM provider on loopback, and work that starts now and then.

    Needs no key and no network.
    """
    settings = _settings(host=host, port=port, data_dir=data_dir, redis_url=redis_url, demo=True)
    _serve(settings, workload=True)


@cli.command()
def version() -> None:
    """Print the version."""
    typer.echo(f"spantail {__version__} (Python {platform.python_version()}, {sys.platform})")


def main() -> None:
    """Entry point of the ``spantail`` command."""
    cli()


def _settings(**options: Any) -> Settings:
    """The settings, options before environment; a wrong one ends the program with a line that names it."""
    try:
        return Settings(**{name: value for name, value in options.items() if value is not None})
    except ValidationError as error:
        for found in error.errors(include_url=False, include_input=False, include_context=False):
            name = str(found["loc"][0]) if found["loc"] else ""
            if not name.startswith((ENV_PREFIX, "OTEL_")):
                name = f"{ENV_PREFIX}{name.upper()}"
            _complain(f"{name}: {found['msg'].removeprefix('Value error, ')}")
        raise typer.Exit(EXIT_USAGE) from None


def _serve(settings: Settings, *, workload: bool) -> None:
    # Imported here, so that --help and version answer at once.
    from spantail_service.server import (  # noqa: PLC0415 - as said
        CannotServeError,
        PortTakenError,
        run_server,
    )

    console = logging.StreamHandler()
    console.setLevel(logging.WARNING)
    console.addFilter(_outside_of_runs)
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s", handlers=[console]
    )
    # What operations say goes into the tail of their runs, where it is read; the console has the warnings.
    logging.getLogger("spantail_service").setLevel(logging.INFO)
    if not _is_loopback(settings.host):
        _complain(f"listening on {settings.host}: whoever reaches this address sees every run and may start work.")
    try:
        run_server(settings, workload=workload, announce=_announce)
    except PortTakenError as error:
        _complain(f"{error} Choose another port with --port or {ENV_PREFIX}PORT.")
        raise typer.Exit(EXIT_USAGE) from None
    except CannotServeError as error:
        _complain(str(error))
        raise typer.Exit(EXIT_FAILED) from None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _outside_of_runs(record: logging.LogRecord) -> bool:
    """Leave out what stands in the tail of a run anyway, errors excepted."""
    return record.levelno >= logging.ERROR or not trace.get_current_span().is_recording()


def _announce(url: str, redis: str, *, demo_data: bool) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text("Spantail ", style="bold"), Text(__version__), sep="")
    _line(console, "open", url)
    _line(console, "redis", redis)
    if demo_data:
        _line(console, "data", "demo data: a job board and an LLM provider of our own, on loopback")
    _line(console, "stop", "Ctrl-C")


def _line(console: Console, name: str, value: str) -> None:
    console.print(Text(f"  {name:<6} ", style="dim"), Text(value), sep="")


def _complain(message: str) -> None:
    Console(stderr=True, highlight=False, soft_wrap=True).print(Text(f"spantail: {message}"))

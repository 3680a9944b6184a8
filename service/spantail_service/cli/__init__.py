"""The `spantail` command: serve, and look at what a service has seen."""

from __future__ import annotations

import platform
import sys

import typer

from spantail_service import __version__
from spantail_service.cli.commands import doctor, export, queue, run, runner, runners, runs, serve, tail, worker

__all__ = ["cli", "main"]

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
cli.command()(serve.serve)
cli.command()(serve.demo)
cli.command()(runner.runner)
cli.command(epilog=run.EPILOG, context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False})(
    run.run
)
cli.command(epilog=tail.EPILOG)(tail.tail)
cli.command()(runs.runs)
cli.add_typer(queue.group, name="queue")
cli.command()(runners.runners)
cli.command(hidden=True)(worker.worker)
cli.command()(export.export)
cli.command(epilog=doctor.EPILOG)(doctor.doctor)


@cli.command()
def version() -> None:
    """Print the version."""
    typer.echo(f"spantail {__version__} (Python {platform.python_version()}, {sys.platform})")


def main() -> None:
    """Entry point of the `spantail` command."""
    cli()

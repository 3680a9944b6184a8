"""Starts the service in this terminal: settings, the console's log, and what is printed at the start."""

from __future__ import annotations

import ipaddress
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any, Final

import typer
from rich.console import Console
from rich.text import Text

from spantail_service import __version__
from spantail_service.cli.console_log import log_to_console
from spantail_service.cli.exit_codes import EXIT_FAILED, EXIT_USAGE
from spantail_service.cli.given_settings import given_settings
from spantail_service.client.service_redis import export_line
from spantail_service.client.service_url import DEFAULT_PORT
from spantail_service.client.terminal import complain
from spantail_service.settings import ENV_PREFIX, Settings
from spantail_service.web.listener import CannotServeError, PortTakenError

_NAME: Final = "spantail"
_LEAST_TOKEN: Final = 16  # hex digits of 64 random bits: 10,000 guesses a second need 29 million years for half of them


def start_service(*, workload: bool, **options: Any) -> None:
    """Serve until Ctrl-C, with `options` (by their settings' names; `None` is not given) before the environment.

    Raises:
        typer.Exit: a setting is wrong, the port is taken, or the service did not come up; it has been said why.
    """
    settings = given_settings(**options)
    if workload and not settings.is_given("llm_backends"):
        # One more than usual: now and then the demo has a call fail, and somebody has to serve it.
        settings = settings.replaced(llm_backends=(*settings.llm.llm_backends, "openrouter"))
    _serve(settings, workload=workload)


def _serve(settings: Settings, *, workload: bool) -> None:
    log_to_console()
    if settings.access.token is None and not _is_loopback(settings.server.host):
        complain(
            f"listening on {settings.server.host}: whoever reaches this address sees every run and may start work. "
            f"{ENV_PREFIX}TOKEN closes the door."
        )
    if settings.access.token is not None and len(settings.access.token.get_secret_value()) < _LEAST_TOKEN:
        complain(
            f"{ENV_PREFIX}TOKEN has less than {_LEAST_TOKEN} characters: whoever reaches this service can guess it. "
            "`openssl rand -hex 16` makes one that nobody guesses."
        )
    try:
        if settings.server.workers > 1:
            # The supervisor has no need of the service's own packages: it stays small.
            from spantail_service.workers.supervisor import run_supervisor

            run_supervisor(settings, workload=workload, announce=_announce)
        else:
            from spantail_service.server import run_server

            run_server(settings, workload=workload, announce=_announce)
    except PortTakenError as error:
        complain(f"{error} Choose another port with --port or {ENV_PREFIX}PORT.")
        raise typer.Exit(EXIT_USAGE) from None
    except CannotServeError as error:
        complain(str(error))
        raise typer.Exit(EXIT_FAILED) from None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _announce(url: str, redis: str, *, live_url: str | None, otlp_grpc: str | None, demo_data: bool) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text("Spantail ", style="bold"), Text(__version__), sep="")
    _line(console, "open", url)
    _line(console, "redis", redis)
    if otlp_grpc is not None:
        _line(console, "otlp", f"gRPC on {otlp_grpc}, HTTP on the address above")
    if live_url is not None:
        _line(console, "live", export_line("SPANTAIL_REDIS_URL", live_url))
    _line(console, "http", export_line("OTEL_EXPORTER_OTLP_ENDPOINT", url))
    elsewhere = "" if url == f"http://127.0.0.1:{DEFAULT_PORT}" else f"--url {url} "
    _line(console, "run", f"{_this_command()} run {elsewhere}-- python3 app.py")
    if demo_data:
        _line(console, "data", "demo data: a job board and an LLM provider of our own, on loopback")
    _line(console, "stop", "Ctrl-C")


def _this_command() -> str:
    """What a shell starts this command by: its name where that is found, else its path."""
    own = Path(sys.argv[0]).absolute()
    found = shutil.which(_NAME)
    if found is not None and (own.name != _NAME or Path(found).absolute() == own):
        return _NAME
    return shlex.quote(str(own)) if own.name == _NAME else f"{shlex.quote(sys.executable)} -m spantail_service"


def _line(console: Console, name: str, value: str) -> None:
    console.print(Text(f"  {name:<6} ", style="dim"), Text(value), sep="")

"""Which service a command talks to, and with which token: options, and what they are by default."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import SplitResult, urlsplit, urlunsplit

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_PORT: Final = "8321"

Url = Annotated[
    str | None,
    typer.Option("--url", "-u", metavar="URL", help="The service [SPANTAIL_URL, default http://127.0.0.1:8321]."),
]
Token = Annotated[
    str | None,
    typer.Option(
        "--token",
        metavar="TOKEN",
        help="The service's token [SPANTAIL_TOKEN]. The variable is better: options can be seen in the list of "
        "processes.",
    ),
]


def service_url(option: str | None, environ: Mapping[str, str] = os.environ) -> str:
    """The base URL of the service, without a slash at its end.

    `option`, else SPANTAIL_URL, else the port that SPANTAIL_PORT gives a service on this machine.

    Raises:
        typer.BadParameter: it is no http or https URL.
    """
    given = option or environ.get("SPANTAIL_URL") or ""
    if not given:
        port = environ.get("SPANTAIL_PORT", "")
        return f"http://127.0.0.1:{port if port.isdecimal() and port != '0' else DEFAULT_PORT}"
    if "://" not in given:
        given = f"http://{given}"
    parts = _http_parts(given)
    if parts is None:
        raise typer.BadParameter("this is no http or https URL (--url, SPANTAIL_URL)")
    # An address copied from the page's address bar names the service just as well.
    path = parts.path.partition("/runs/")[0].rstrip("/")
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def _http_parts(address: str) -> SplitResult | None:
    """The parts of an http or https URL; None for what is none."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:  # a port that is no number, half an IPv6 address
        return None
    return parts if parts.scheme in ("http", "https") and parts.hostname and port != 0 else None


def service_token(option: str | None, environ: Mapping[str, str] = os.environ) -> str | None:
    """`option`, else SPANTAIL_TOKEN; `None` without one.

    Raises:
        typer.BadParameter: it cannot stand in a header.
    """
    token = (option or environ.get("SPANTAIL_TOKEN") or "").strip()
    if not token.isascii() or not token.isprintable():
        raise typer.BadParameter("a token is made of printable ASCII characters (--token, SPANTAIL_TOKEN)")
    return token or None


def shown_url(url: str) -> str:
    """A URL that may be shown: without user name and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment=""))

"""The names this service answers to, and whether a request comes from its own page.

Against DNS rebinding: a page from elsewhere can make its own name point at this machine, but the browser goes on
sending that name as `Host`. Against requests forged from another page: a browser says where they come from
(`Origin`, Fetch Metadata).
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_HOST = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,253})(?::[0-9]{1,5})?")
_REMEMBERED = 64  # spellings of an allowed host that are not parsed again


class Hosts:
    """The host names that a request may be addressed to.

    Always: `localhost`, names below it, and loopback addresses. A service that listens on more than loopback also
    answers to what it listens on and to any IP address, which no answer of DNS can change. `named` are
    further names, `*.example.com` for all below one, `*` for every name.
    """

    def __init__(self, listens_on: str, named: Iterable[str] = ()) -> None:
        named = [name.strip().lower().rstrip(".") for name in named]
        self._every = "*" in named
        self._names = {"localhost", *(name for name in named if not name.startswith("*"))}
        self._named = self._names - {"localhost"}
        self._below = (".localhost", *(name[1:] for name in named if name.startswith("*.")))
        self._any_address = not is_loopback(listens_on)
        if self._any_address:
            self._names.add(listens_on.lower())
        self._allowed: set[bytes] = set()

    def allows(self, host: bytes) -> bool:
        """Whether a request with this `Host` header is for us."""
        if host in self._allowed:
            return True
        name = _name_of(host)
        if name is None or not (self._every or self._is_ours(name)):
            return False
        if len(self._allowed) < _REMEMBERED:
            self._allowed.add(host)
        return True

    def is_named(self, netloc: bytes) -> bool:
        """Whether somebody has given this name to the service by hand: it may be that of a proxy in front of it."""
        name = _name_of(netloc)
        return name is not None and (name in self._named or name.endswith(self._below[1:]))

    def _is_ours(self, name: str) -> bool:
        if name in self._names or name.endswith(self._below):
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return self._any_address or address.is_loopback


def is_loopback(host: str) -> bool:
    """Whether an address or a name to listen on is reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def is_own_origin(headers: Mapping[bytes, bytes], hosts: Hosts) -> bool:
    """Whether a request comes from the service's own page, from no page at all, or from a link to it.

    Fetch Metadata is what the browser itself says; where it sends none (plain HTTP to another machine), `Origin`
    has to name the host that is asked.
    """
    site = headers.get(b"sec-fetch-site")
    origin = headers.get(b"origin")
    if site == b"same-origin":
        return True
    if origin is None:
        # A link from elsewhere may lead here; what another page embeds, fetches or sends may not.
        return site in (None, b"none") or headers.get(b"sec-fetch-mode") == b"navigate"
    netloc = origin.partition(b"://")[2].lower()
    return netloc != b"" and (netloc == headers.get(b"host", b"").lower() or hosts.is_named(netloc))


def _name_of(host: bytes) -> str | None:
    match = _HOST.fullmatch(host.decode("latin-1").lower())
    return match[1].strip("[]").rstrip(".") if match else None

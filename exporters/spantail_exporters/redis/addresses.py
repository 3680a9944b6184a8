"""The URLs that name a Redis server, a cluster, or the sentinels of a master, taken apart and put together. Pure."""

from __future__ import annotations

from typing import Final
from urllib.parse import SplitResult, urlsplit

from spantail.urls import split_url

REDIS_PORT: Final = 6379
SENTINEL_PORT: Final = 26379


def server_urls(url: str) -> list[str]:
    """Return the URL of each server that the URL of a cluster names; any other URL names one."""
    parts = split_url(url)
    if not parts.scheme.endswith("+cluster"):
        return [url]
    return [node_url(url, *address) for address in addresses_in(parts, REDIS_PORT)]


def node_url(url: str, host: str, port: int) -> str:
    """Return the URL of one node of the cluster that `url` leads to, with the same credentials and options."""
    parts = split_url(url)
    scheme = parts.scheme.removesuffix("+cluster")
    return parts._replace(scheme=scheme, netloc=f"{credentials_in(parts)}{_joined(host, port)}", path="").geturl()


def addresses_in(parts: SplitResult, default_port: int) -> list[tuple[str, int]]:
    """Return the hosts and ports that a URL names, divided by commas."""
    found = []
    for text in parts.netloc.rpartition("@")[2].split(","):
        one = urlsplit(f"//{text}")
        found.append((one.hostname or "localhost", one.port or default_port))
    return found


def credentials_in(parts: SplitResult) -> str:
    """Return user and password as the URL writes them, with the `@` behind; empty when there are none."""
    before, at, _ = parts.netloc.rpartition("@")
    return before + at


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

"""URLs that name several hosts, divided by commas, as those of a Redis Cluster and of sentinels do."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

_PARTS: Final = re.compile(r"([^:/?#]+://)([^/?#]*)(.*)", re.DOTALL)


def split_url(url: str) -> SplitResult:
    """Take a URL apart as `urlsplit` does, also one with several hosts.

    From Python 3.14 on `urlsplit` refuses IPv6 addresses in brackets among other hosts (RFC 3986, section 3.2.2, knows
    one host only).

    Raises:
        ValueError: It is no URL.
    """
    match = _PARTS.match(url)
    if match is None or "," not in match[2]:
        return urlsplit(url)
    return urlsplit(match[1] + match[3])._replace(netloc=match[2])

"""URLs with several hosts, on every version of Python."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from spantail.urls import split_url


@pytest.mark.parametrize(
    ("url", "netloc", "path", "query"),
    [
        ("redis+cluster://u:p@a:1,b,[::1]:2/0?x=y", "u:p@a:1,b,[::1]:2", "/0", "x=y"),
        ("redis+sentinel://[::1]:1,[::2]:2/main/0", "[::1]:1,[::2]:2", "/main/0", ""),
        ("redis+cluster://a,b", "a,b", "", ""),
    ],
)
def test_several_hosts_are_one_netloc(url: str, netloc: str, path: str, query: str) -> None:
    parts = split_url(url)
    assert (parts.netloc, parts.path, parts.query) == (netloc, path, query)
    assert parts.scheme == url.partition(":")[0]
    assert parts.geturl() == url


@pytest.mark.parametrize("url", ["redis://:pw@host:1/0?x=y", "unix:///a,b.sock?x=1", "rediss://[::1]:1", "host", ""])
def test_one_host_is_split_as_ever(url: str) -> None:
    assert split_url(url) == urlsplit(url)

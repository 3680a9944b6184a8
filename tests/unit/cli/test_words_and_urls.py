"""Numbers in words, addresses, and text that a terminal would obey."""

from __future__ import annotations

import io

import pytest
import typer

from spantail_service.cli.exit_codes import exit_code_of
from spantail_service.client import words
from spantail_service.client.following import backoff_s, is_settled
from spantail_service.client.service_url import service_token, service_url, shown_url
from spantail_service.client.terminal import ASCII, UNICODE, Glyphs, glyphs_for, harmless


@pytest.mark.parametrize(
    ("us", "text"),
    [
        (-5, "0 µs"), (412, "412 µs"), (12_300, "12.3 ms"), (99_949, "99.9 ms"), (99_950, "100 ms"),
        (999_499, "999 ms"), (1_200_000, "1.20 s"), (9_995_000, "10.0 s"), (59_950_000, "1 m 00 s"),
        (125_000_000, "2 m 05 s"), (3_720_000_000, "1 h 02 m"), (90_000_000_000, "1 d 01 h"),
    ],
)  # fmt: skip
def test_durations(us: int, text: str) -> None:
    assert words.duration(us) == text


@pytest.mark.parametrize(
    ("nano", "text"),
    [
        (0, "$0"), (12_300_000, "$0.0123"), (24_600, "$0.000025"), (500, "<$0.000001"), (1_420_000_000, "$1.4200"),
        (1_234_560_000_000, "$1,234.56"), (-12_300_000, "-$0.0123"),
    ],
)  # fmt: skip
def test_money_never_reads_as_nothing(nano: int, text: str) -> None:
    assert words.money(nano) == text


def test_tokens_and_times() -> None:
    assert [words.tokens(n) for n in (9_999, 12_345, 10_000, 999_500, 1_250_000)] == [
        "9999", "12.3k", "10k", "1M", "1.2M",
    ]  # fmt: skip
    assert words.token_flow({"input": 412, "output": 96}, "→") == "412→96"
    assert words.token_flow({"output": 21}, "→") == "→21"
    assert words.token_flow({}, "→") == ""
    assert [words.ago(0, seconds * 1_000_000) for seconds in (2, 12, 300, 7_200, 200_000)] == [
        "now", "12 s ago", "5 m ago", "2 h ago", "2 d ago",
    ]  # fmt: skip
    assert words.plural(1, "span") == "1 span"
    assert words.plural(1_204, "span") == "1,204 spans"


@pytest.mark.parametrize(
    ("option", "environment", "expected"),
    [
        (None, {}, "http://127.0.0.1:8321"),
        (None, {"SPANTAIL_PORT": "9000"}, "http://127.0.0.1:9000"),
        (None, {"SPANTAIL_URL": "https://spans.example/base/"}, "https://spans.example/base"),
        ("localhost:1", {"SPANTAIL_URL": "http://other"}, "http://localhost:1"),
        ("http://h:8321/runs/4bf92f3577b34da6a3ce929d0e0e4736?span=1#x", {}, "http://h:8321"),
    ],
)
def test_the_service_by_option_environment_or_default(
    option: str | None, environment: dict[str, str], expected: str
) -> None:
    assert service_url(option, environment) == expected


@pytest.mark.parametrize("wrong", ["ftp://host", "http://", "http://host:port", "http://[::1", "http://host:0"])
def test_an_address_that_is_none_is_a_usage_error(wrong: str) -> None:
    with pytest.raises(typer.BadParameter):
        service_url(wrong, {})


def test_tokens_are_checked_and_passwords_not_shown() -> None:
    assert service_token(None, {"SPANTAIL_TOKEN": " hush "}) == "hush"
    assert service_token(None, {}) is None
    with pytest.raises(typer.BadParameter):
        service_token("two\nlines", {})
    assert shown_url("http://user:secret@host:1/x?token=secret") == "http://host:1/x"


def test_nothing_that_a_terminal_obeys_gets_through() -> None:
    hostile = "a\x1b]0;title\x07b\x1b[2Jc\x9b31md\r\ne\u202ef\x00"
    shown = harmless(hostile)
    assert shown.isprintable()
    assert "\x1b" not in shown
    assert harmless(12) == "12"


def test_glyphs_are_all_different_and_fit_the_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    def states(glyphs: Glyphs) -> list[str]:
        return list(glyphs[:7])

    for glyphs in (UNICODE, ASCII):
        assert len(set(states(glyphs))) == 7
    assert "".join(ASCII).isascii()
    monkeypatch.setenv("TERM", "xterm")
    assert glyphs_for(io.TextIOWrapper(io.BytesIO(), encoding="utf-8")) is UNICODE
    assert glyphs_for(io.TextIOWrapper(io.BytesIO(), encoding="latin-1")) is ASCII
    monkeypatch.setenv("TERM", "dumb")
    assert glyphs_for(io.TextIOWrapper(io.BytesIO(), encoding="utf-8")) is ASCII


def test_backoff_doubles_up_to_ten_seconds() -> None:
    assert [backoff_s(n, lambda: 1.0) for n in (1, 2, 3, 4, 5, 6, 50)] == [0.5, 1, 2, 4, 8, 10, 10]
    assert backoff_s(1, lambda: 0.0) == 0.25


def test_outcomes() -> None:
    assert [exit_code_of(s) for s in ("completed", "failed", "cancelled", "abandoned", "running")] == [0, 3, 4, 5, 1]
    assert is_settled({"status": "failed", "expected_log_count": 4, "next_index": 4})
    assert not is_settled({"status": "failed", "expected_log_count": 4, "next_index": 3})
    assert not is_settled({"status": "failed", "expected_log_count": None, "next_index": 4})
    assert not is_settled({"status": "running", "expected_log_count": 4, "next_index": 4})

"""What a pattern is held to: the whole value, within limits, and within a second whatever it says."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spantail_service.tempo import regex as regex_module
from spantail_service.tempo.regex import MAX_PATTERN, MAX_VALUE, Regex, RegexError


@pytest.mark.parametrize(
    ("pattern", "fits", "fits_not"),
    [
        ("shop|cart", ["shop", "cart"], ["shops", "a cart", ""]),
        ("a|ab", ["a", "ab"], ["b"]),
        ("^shop.*$", ["shop", "shopping"], ["a shop"]),
        (r"costs \$", ["costs $"], ["costs "]),
        ("(?i)Chat.*É", ["chat GPT é", "CHATé"], ["talk é"]),
        (r"\d+ \w+", ["3 jobs"], ["٣ jobs", "3 é"]),
        (r"\pL+", ["naïve"], ["3"]),
        ("(?P<kind>a)+", ["aa"], ["b"]),
        (".*", ["", "a\nb", "\x00"], []),
        ("", [""], ["a", "\n"]),
        ("a$", ["a"], ["a\n"]),
    ],
)
def test_what_fits(pattern: str, fits: list[str], fits_not: list[str]) -> None:
    regex = Regex(pattern)
    assert all(regex.matches(text) for text in fits)
    assert not any(regex.matches(text) for text in fits_not)


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(", "missing )"),
        ("a)", "unexpected )"),
        ("*", "no argument for repetition operator: *"),
        ("[é", "missing ]: [é"),
        ("[b-a]", "range"),
        ("\\", "trailing"),
        (r"(a)\1", r"\1"),
        ("(?=a)", "(?="),
        ("(a{1000}){1000}", "repetition size"),
        (r"[\pL\pN]{200}", "too large"),
        ("a" * (MAX_PATTERN + 1), "at most"),
    ],
)
def test_what_is_no_pattern_says_why(pattern: str, reason: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RegexError) as raised:
        Regex(pattern)
    assert reason in str(raised.value)
    assert capfd.readouterr() == ("", "")


@given(st.text("ab(|)*+?{}[]^-$\\.,12:dé", max_size=30))
def test_anything_is_read_or_refused(pattern: str) -> None:
    try:
        regex = Regex(pattern)
    except RegexError:
        return
    regex.matches("aabb12é")


def test_a_value_beyond_the_limit_fits_nothing() -> None:
    regex = Regex("é*")
    assert regex.matches("é" * MAX_VALUE)
    assert not regex.matches("é" * (MAX_VALUE + 1))


@pytest.mark.parametrize("pattern", ["(a+)+b", "(a|a)*b", "(a*)*b", "(a|aa)+b", ".*.*.*.*.*.*.*x", "(.*a){12}b"])
def test_what_blows_up_elsewhere_does_not_here(pattern: str) -> None:
    regex = Regex(pattern)
    begun = time.process_time()
    assert not any(regex.matches("a" * (MAX_VALUE - n)) for n in range(20))
    assert time.process_time() - begun < 1  # others would need longer than the universe


def test_a_pattern_that_takes_too_much_is_given_up(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(regex_module, "MAX_SECONDS", 0.1)
    regex = Regex(".*(?:.?.?){490}x")
    begun = time.process_time()
    with pytest.raises(RegexError, match=re.escape(f"`{regex.pattern}` takes too much work")):
        list(map(regex.matches, (chr(0x3042 + n % 80) * MAX_VALUE for n in range(10_000))))
    assert time.process_time() - begun < 5
    assert Regex(regex.pattern).matches("x")  # each search has a time of its own
    assert capfd.readouterr() == ("", "")

"""Numbers as people read them, in the same words as on the page. Pure."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from spantail.pricing import NANO

if TYPE_CHECKING:
    from collections.abc import Mapping

_SECOND: Final = 1_000_000
# Where one way of writing a number ends and the next begins: what would be rounded up to it counts already.
_MILLISECOND: Final = 1_000
_HUNDRED_MS: Final = 99_950
_ROUND_SECOND: Final = 999_500
_TEN_SECONDS: Final = 9_995_000
_MINUTE: Final = 59_950_000
_HOUR_S: Final = 3_600
_DAY_MIN: Final = 1_440
_CENTS_USD: Final = 100
_FOUR_DECIMALS_USD: Final = 0.0001
_SIX_DECIMALS_USD: Final = 0.000001
_ALL_TOKENS: Final = 10_000
_MILLION_TOKENS: Final = 999_500
_NOW_S: Final = 5  # clocks differ by as much


def duration(us: int) -> str:
    """Microseconds as `412 µs`, `12.3 ms`, `1.20 s`, `2 m 05 s`, `1 h 02 m`; never negative."""
    value = max(0, us)
    if value < _MILLISECOND:
        return f"{value} µs"
    if value < _HUNDRED_MS:
        return f"{value / 1_000:.1f} ms"
    if value < _ROUND_SECOND:
        return f"{value / 1_000:.0f} ms"
    if value < _TEN_SECONDS:
        return f"{value / _SECOND:.2f} s"
    return ticking(value)


def ticking(us: int) -> str:
    """A running duration: tenths of a second at most, finer digits would only flicker."""
    value = max(0, us)
    if value < _MINUTE:
        return f"{value / _SECOND:.1f} s"
    seconds = round(value / _SECOND)
    if seconds < _HOUR_S:
        return f"{seconds // 60} m {seconds % 60:02} s"
    minutes = seconds // 60
    if minutes < _DAY_MIN:
        return f"{minutes // 60} h {minutes % 60:02} m"
    return f"{minutes // 1_440} d {minutes // 60 % 24:02} h"


def money(nano: int) -> str:
    """Integer nano-USD as `$0.0123`: four decimals, more for a small amount, which must never read as nothing."""
    if nano == 0:
        return "$0"
    usd = abs(nano) / NANO
    sign = "-" if nano < 0 else ""
    if usd >= _CENTS_USD:
        return f"{sign}${usd:,.2f}"
    if usd >= _FOUR_DECIMALS_USD:
        return f"{sign}${usd:.4f}"
    if usd >= _SIX_DECIMALS_USD:
        return f"{sign}${usd:.6f}"
    return f"{sign}<$0.000001"


def tokens(value: int) -> str:
    """Token counts: exact below ten thousand, then `12.3k`, `1.2M`."""
    if value < _ALL_TOKENS:
        return str(value)
    if value < _MILLION_TOKENS:
        return f"{value / 1_000:.1f}".removesuffix(".0") + "k"
    return f"{value / 1_000_000:.1f}".removesuffix(".0") + "M"


def token_flow(held: Mapping[str, Any] | None, arrow: str) -> str:
    """Tokens in and out as `412→96`; what is unknown is left out."""
    if not held:
        return ""
    given, made = held.get("input"), held.get("output")
    if given is None and made is None:
        return ""
    return f"{'' if given is None else tokens(given)}{arrow}{'' if made is None else tokens(made)}"


def plural(value: int, one: str) -> str:
    """`1 span`, `1,204 spans`."""
    return f"{value:,} {one}{'' if value == 1 else 's'}"


def ago(us: int, now_us: int) -> str:
    """How long ago, roughly: `now`, `12 s ago`, `5 m ago`, `3 h ago`, `2 d ago`."""
    seconds = max(0, (now_us - us) // _SECOND)
    if seconds < _NOW_S:
        return "now"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"


def time_of_day(us: int) -> str:
    """Local time of day of a time stamp: `12:04:07.412`."""
    return f"{time.strftime('%H:%M:%S', time.localtime(us // _SECOND))}.{us // 1_000 % 1_000:03}"

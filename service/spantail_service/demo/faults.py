"""How slow the demo world is, and how often it fails: seeded, or on request."""

from __future__ import annotations

import hashlib
import random
import re
from dataclasses import dataclass
from typing import NamedTuple

_STATUSES = (400, 401, 403, 404, 408, 429, 500, 503, 529)
_MARKER = re.compile(
    r"\[\[demo-error (\d{3})(?: (anthropic|openai|openrouter|himalayas))?(?: after=(\d{1,5}(?:\.\d{1,3})?))?"
    r"(?: times=(\d{1,3}))?\]\]"
)
_IN_MODEL = re.compile(r"demo-error-(\d{3})")


def seeded(*parts: object) -> random.Random:
    """A source of randomness that depends on `parts` alone, in every process and version of Python."""
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()
    return random.Random(int.from_bytes(digest[:8], "big"))  # noqa: S311 - latencies, not secrets


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast the demo world answers. `scale` 0 answers at once, for tests; 1 is like the real one."""

    scale: float = 1.0

    def first_token_s(self, rng: random.Random) -> float:
        """Until an answer begins."""
        return self.scale * rng.uniform(0.25, 0.75)

    def token_s(self, rng: random.Random) -> float:
        """Per token, from then on."""
        return self.scale * rng.uniform(0.008, 0.016)

    def page_s(self, rng: random.Random) -> float:
        """For a page of the job board."""
        return self.scale * rng.uniform(0.35, 0.9)


class Refusal(NamedTuple):
    """How a request asks to fail."""

    status: int
    retry_after: str | None = None
    """`Retry-After` of the answer, in seconds; None for the usual one."""
    times: int | None = None
    """How often the same request fails; None for always."""


def requested_refusal(place: str, text: str, *, header: str | None = None, model: str = "") -> Refusal | None:
    """How a request asks to fail: by the header `x-demo-error`, by a model name with `demo-error-429` in it, or by
    `[[demo-error 429]]` in its text, which may name one `place`, when to come again, and how often it fails, as in
    `[[demo-error 429 anthropic after=2 times=1]]`.
    """
    asked = [Refusal(int(status)) for status in (header or "", *_IN_MODEL.findall(model)) if status.isdecimal()]
    for status, where, after, times in _MARKER.findall(text):
        if where in {"", place}:
            asked.append(Refusal(int(status), after or None, int(times) if times else None))
    return next((refusal for refusal in asked if refusal.status in _STATUSES), None)


def requested_status(place: str, text: str, *, header: str | None = None, model: str = "") -> int | None:
    """The HTTP status that a request asks to fail with; see `requested_refusal`."""
    refusal = requested_refusal(place, text, header=header, model=model)
    return None if refusal is None else refusal.status

"""How slow the demo world is, and how often it fails: seeded, or on request."""

from __future__ import annotations

import hashlib
import random
import re
from dataclasses import dataclass

_STATUSES = (400, 401, 403, 404, 408, 429, 500, 503, 529)
_MARKER = re.compile(r"\[\[demo-error (\d{3})(?: (anthropic|openai|himalayas))?\]\]")
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


def requested_status(place: str, text: str, *, header: str | None = None, model: str = "") -> int | None:
    """The HTTP status that a request asks to fail with: by the header `x-demo-error`, by a model name with
    `demo-error-429` in it, or by `[[demo-error 429]]` in its text, which may name one `place`, as in
    `[[demo-error 429 anthropic]]`.
    """
    asked = [header] if header else []
    asked += _IN_MODEL.findall(model)
    asked += [status for status, where in _MARKER.findall(text) if where in {"", place}]
    return next((int(status) for status in asked if status.isdigit() and int(status) in _STATUSES), None)

"""The cases: what a library writes onto a span, and what that call costs by the public price lists.

`cases/<library>.json` holds a list of cases. A case has

- `name`, `library`, `library_version`, `provider`, and `source`: where the library's attributes can be looked up;
- `attributes` of one LLM span as the library writes them (an object is an OTLP value as it stands: `{"doubleValue":
  "NaN"}`), with `"failed": true` for a call that ended in error and `scope` where the name of the instrumentation
  scope matters; or `spans`, whose `run` says what they come to;
- `expected`: `tokens`, `cost_usd` (a decimal number as text, null when the price is not known), `cost_source`,
  `cost_note_says` (words that stand in the note), `counted` (false: totals do not miss the price of this call) and
  `or_unpriced` (true: what decides is told in a place that need not be read, so unpriced with a note is right too);
- `why`: the reason, with the sum that gives the amount: "10 x 2.50 + 5 x 10.00 per million", "+ 3 x 0.01 each";
- `priced_by`: the model of the price table with these rates, and `when` they hold. Its rates are checked against the
  table itself, never against the code that is tested.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).parent / "cases"


@dataclass(frozen=True)
class Expected:
    """What is right for a call. `tokens` None: nothing is said about them; `cost_source` None: it is no call."""

    cost_source: str | None
    cost_usd: str | None = None
    tokens: dict[str, int] | None = None
    cost_note_says: str = ""
    or_unpriced: bool = False
    counted: bool = True


@dataclass(frozen=True)
class Span:
    """A span of a run: `id` and `parent` are names within the case."""

    id: str
    attributes: dict[str, Any]
    parent: str | None = None
    failed: bool = False


@dataclass(frozen=True)
class Run:
    """What all spans of a run come to: the sum, and the calls that count."""

    cost_usd: str
    calls: int
    input: int
    output: int
    unpriced: int = 0


@dataclass(frozen=True)
class Case:
    """One case; either `attributes` and `expected`, or `spans` and `run`."""

    name: str
    library: str
    library_version: str
    provider: str
    source: str
    why: str
    attributes: dict[str, Any] = field(default_factory=dict)
    expected: Expected | None = None
    failed: bool = False
    scope: str = ""
    spans: tuple[Span, ...] = ()
    run: Run | None = None
    priced_by: str = ""
    when: dict[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The name that test reports show."""
        return f"{self.library}: {self.name}"


def all_cases() -> list[Case]:
    """Read every case of every library."""
    return [_case(one) for path in sorted(FOLDER.glob("*.json")) for one in json.loads(path.read_text("utf-8"))]


def single_cases() -> list[Case]:
    """Read the cases of one call."""
    return [case for case in all_cases() if case.run is None]


def run_cases() -> list[Case]:
    """Read the cases of whole runs."""
    return [case for case in all_cases() if case.run is not None]


def _case(one: dict[str, Any]) -> Case:
    expected, run = one.pop("expected", None), one.pop("run", None)
    spans = tuple(Span(**span) for span in one.pop("spans", ()))
    if (expected is None) == (run is None) or bool(spans) != (run is not None):
        raise ValueError(f"{one['name']}: a case has `attributes` and `expected`, or `spans` and `run`")
    return Case(
        **one,
        spans=spans,
        expected=None if expected is None else Expected(**expected),
        run=None if run is None else Run(**run),
    )

"""What a budget may be for: a run, a session, an operation, a day; and which of them hold for the work at hand."""

from __future__ import annotations

import hashlib
import re
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, cast

from spantail.pricing import nano_usd

if TYPE_CHECKING:
    from collections.abc import Iterator

Kind = Literal["run", "session", "operation", "day"]
KINDS: Final[tuple[Kind, ...]] = ("run", "session", "operation", "day")

_DAY_MS: Final = 86_400_000
EXPIRY_MS: Final[dict[Kind, int]] = {"run": _DAY_MS, "session": 30 * _DAY_MS, "operation": 0, "day": 40 * _DAY_MS}
"""How long a budget is kept after its last change; 0 is for good."""
MOST_LISTED: Final[dict[Kind, int]] = {"run": 100, "session": 100, "operation": 1_000, "day": 80}
"""How many of a kind are listed, the latest ones."""

_LONGEST: Final = 200  # characters of a name
_RUN: Final = re.compile(r"[0-9a-f]{32}\Z")
_NAME: Final = re.compile(r"[^\x00-\x1f\x7f]{1,200}\Z")
_DEMO: Final = ":demo"


class Scope(NamedTuple):
    """One budget that holds.

    Attributes:
        kind: What it is for.
        name: As it is called everywhere, such as `day:2026-11-30`.
        limit_nano: A limit that was given for it; None where only its stored or its default limit holds.
    """

    kind: Kind
    name: str
    limit_nano: int | None = None


@dataclass(frozen=True, slots=True)
class Spending:
    """On whose account the work at hand spends."""

    run_id: str
    operation: str
    session_id: str | None = None
    demo: bool = False
    budget_nano: int | None = None

    def scopes(self, today: date | None = None) -> tuple[Scope, ...]:
        """The budgets that hold for it; `today` is the day in UTC, by default the present one."""
        end = _DEMO if self.demo else ""
        day = (today or datetime.now(UTC).date()).isoformat()
        found = [Scope("run", f"run:{self.run_id}", self.budget_nano)]
        if self.session_id:
            found.append(Scope("session", f"session:{_shortened(self.session_id)}"))
        found += [
            Scope("operation", f"operation:{_shortened(self.operation)}{end}"),
            Scope("day", f"day:{day}{end}"),
        ]
        return tuple(found)


_current: ContextVar[Spending | None] = ContextVar("spantail_spending", default=None)


@contextmanager
def spending(
    *,
    run_id: str,
    operation: str,
    session_id: str | None = None,
    demo: bool = False,
    budget_usd: float | None = None,
) -> Iterator[Spending]:
    """Have all LLM calls inside, of this task and of those that it starts, spend on the account of a run.

    Whatever executes an operation as a run wraps its work in it, once the run's id is known:
    `with spending(run_id=scope.run_id, operation=op.name, …): await op.work(…)`. Outside of it, calls are held to the
    budget of the day alone.

    Args:
        run_id: 32 lower-case hex digits.
        operation: The operation's name, as in the catalogue.
        session_id: The session that the run belongs to, if any.
        demo: Demo work has budgets of its own for operation and day, so that real spend stands apart.
        budget_usd: A limit for this run, in US dollars; it goes before the one of the settings.

    Raises:
        ValueError: `budget_usd` is no amount of money.
    """
    budget_nano = None if budget_usd is None else nano_usd(budget_usd)
    if budget_usd is not None and budget_nano is None:
        raise ValueError(f"budget_usd must be an amount in US dollars, from 0 to below a million, not {budget_usd!r}")
    token = _current.set(Spending(run_id, operation, session_id, demo, budget_nano))
    try:
        yield cast("Spending", _current.get())
    finally:
        _current.reset(token)


def scopes_here(*, demo: bool = False, today: date | None = None) -> tuple[Scope, ...]:
    """The budgets that hold for the work at hand; that of the day alone where nobody said whose it is."""
    found = _current.get()
    if found is not None:
        return found.scopes(today)
    day = (today or datetime.now(UTC).date()).isoformat()
    return (Scope("day", f"day:{day}{_DEMO if demo else ''}"),)


def scope_of(name: str) -> Scope:
    """Read the name of a scope.

    Raises:
        ValueError: There is no such scope; the message says what there is.
    """
    kind, _, rest = name.partition(":")
    if kind == "run" and _RUN.match(rest):
        return Scope("run", name)
    if kind in {"session", "operation"} and _NAME.match(rest):
        return Scope(cast("Kind", kind), name)
    if kind == "day" and _is_day(rest.removesuffix(_DEMO)):
        return Scope("day", name)
    raise ValueError(
        "a budget is for run:RUN_ID (32 hex digits), session:ID, operation:NAME or day:YYYY-MM-DD; "
        "operation and day of demo work end in :demo"
    )


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _shortened(name: str) -> str:
    """A name that anybody may choose, as it may stand in a key."""
    if _NAME.match(name) and len(name) <= _LONGEST:
        return name
    return hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:32]

"""The rules that a notice may come from, and what can be set of each. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal["run_failed", "budget_met", "spend_above", "fallback_rate", "queue_stuck"]


class Rule(NamedTuple):
    """One rule."""

    kind: Kind
    enabled: bool
    threshold: float | None
    """What has to be reached, in the unit of the rule; None where the rule has none."""
    window_s: int | None
    """How far it looks back, in seconds, and the least time between two of its notices; None where it does not."""


class _Bounds(NamedTuple):
    least: float
    most: float
    unit: str


RULES: Final[Mapping[Kind, Rule]] = {
    "run_failed": Rule("run_failed", True, None, None),
    "budget_met": Rule("budget_met", True, 1.0, None),
    "spend_above": Rule("spend_above", False, 10.0, 86_400),
    "fallback_rate": Rule("fallback_rate", True, 0.5, 3_600),
    "queue_stuck": Rule("queue_stuck", True, 300.0, 3_600),
}
"""Every rule as it is until somebody changes it."""

_BOUNDS: Final[Mapping[Kind, _Bounds]] = {
    "budget_met": _Bounds(0.01, 1.0, "the share of a limit, from 0.01 to 1"),
    "spend_above": _Bounds(0.0, 1e6, "US dollars, from 0 to 1,000,000"),
    "fallback_rate": _Bounds(0.01, 1.0, "the share of calls, from 0.01 to 1"),
    "queue_stuck": _Bounds(1.0, 604_800.0, "seconds, from 1 to 604,800"),
}
_LEAST_WINDOW_S: Final = 60
_MOST_WINDOW_S: Final = 86_400


def changed(rule: Rule, change: Mapping[str, Any]) -> Rule:
    """Return a rule with other values.

    Args:
        rule: As it is.
        change: `enabled`, `threshold` and `window_s`, as far as they change.

    Raises:
        ValueError: The rule has no such value, or it is out of range; the message says which is allowed.
    """
    threshold, window_s = change.get("threshold"), change.get("window_s")
    if threshold is not None:
        bounds = _BOUNDS.get(rule.kind)
        if bounds is None:
            raise ValueError(f"{rule.kind} has no threshold")
        if not bounds.least <= threshold <= bounds.most:
            raise ValueError(f"the threshold of {rule.kind} is {bounds.unit}")
        rule = rule._replace(threshold=float(threshold))
    if window_s is not None:
        if rule.window_s is None:
            raise ValueError(f"{rule.kind} has no window")
        if not _LEAST_WINDOW_S <= window_s <= _MOST_WINDOW_S:
            raise ValueError(f"a window is from {_LEAST_WINDOW_S} to {_MOST_WINDOW_S:,} seconds")
        rule = rule._replace(window_s=int(window_s))
    if change.get("enabled") is not None:
        rule = rule._replace(enabled=bool(change["enabled"]))
    return rule

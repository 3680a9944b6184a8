"""The account of an ended span: one line of what a run's totals add up. Pure.

The run script reads it, and makes it again from the stored state when that is replaced or turns out to be a wrapper
(`scripts/append/account.lua`). Held to `tests/golden/rules/account.json`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from spantail import attributes as key
from spantail_exporters.model.rules.fold import NOT_FINAL
from spantail_exporters.model.rules.money import lacks_price

if TYPE_CHECKING:
    from collections.abc import Mapping

EXPECTED: Final = key.EXPECTED_REASONS
"""Reasons to fall back without a failure: nothing was asked of the backend that was left."""


def account_of(state: Mapping[str, Any]) -> str:
    """Write the account of a state; empty where it has none.

    An LLM attempt has one once it has ended, and so has a span around attempts that says in `account` what they came
    to.
    """
    counted = state if state["kind"] == key.KIND_LLM_CALL else state.get("account")
    if counted is None:
        return ""
    get = counted.get
    return account_line(
        state["status"],
        get("tokens"),
        get("cost_nano"),
        get("backend"),
        fallback_from=get("fallback_from"),
        fallback_reason=get("fallback_reason"),
        model=get("model"),
    )


def account_line(
    status: str,
    tokens: Mapping[str, int] | None,
    nano: int | None,
    /,
    backend: str | None,
    *,
    fallback_from: str | None,
    fallback_reason: str | None,
    model: str | None = None,
) -> str:
    """Write an account; empty for a span that has not ended.

    Args:
        status: of the span.
        tokens: `input` and `output`, as far as they are known.
        nano: the cost in nano-USD; None is unknown.
        backend: who served the call.
        fallback_from: the backend that was fallen back from.
        fallback_reason: why; one of `EXPECTED` is counted apart from failures.
        model: which model answered; None is unknown.

    Returns:
        `outcome unpriced input output nano backend`, a newline, the backend that was fallen back from, if any, and a
        further newline where that was expected. Where the model is known, that newline is there always, and after it
        come `1` (expected) or `0`, a newline and the model. The outcome is 1 for an error, 2 for an attempt that was
        skipped before it used anything and so is no call, else 0; the second is 0 or 1.
    """
    if status in NOT_FINAL:
        return ""
    outcome = 1 if status == "error" else 2 if status == "skipped" and not tokens and not nano else 0
    unpriced = "1" if nano is None and lacks_price({"status": status, "tokens": tokens}) else "0"
    read, written = (tokens.get("input", 0), tokens.get("output", 0)) if tokens else (0, 0)
    account = f"{outcome} {unpriced} {read} {written} {nano or 0} {_one_line(backend) if backend else 'unknown'}\n"
    is_expected = bool(fallback_from) and fallback_reason in EXPECTED
    if fallback_from:
        account += _one_line(fallback_from)
    if model:
        return f"{account}\n{is_expected:d}\n{_one_line(model)}"
    return f"{account}\n" if is_expected else account


def account_parts(account: str) -> tuple[str, str]:
    """Cut an account in two: what stands before its three numbers input, output and nano, and what stands behind."""
    outcome, unpriced, _, _, _, rest = account.split(" ", 5)
    return f"{outcome} {unpriced}", rest


def _one_line(value: str) -> str:
    return value.replace("\n", " ") if "\n" in value else value

"""The account of an ended span: one line of what a run's totals add up. Pure.

The run script reads it, and makes it again from the stored state when that is replaced or turns out to be a wrapper
(`scripts/append/account.lua`). Held to `tests/golden/rules/account.json`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spantail import attributes as key
from spantail_exporters.model.rules.fold import NOT_FINAL
from spantail_exporters.model.rules.money import lacks_price

if TYPE_CHECKING:
    from collections.abc import Mapping


def account_of(state: Mapping[str, Any]) -> str:
    """Write the account of a state; empty where it has none.

    An LLM attempt has one once it has ended, and so has a span around attempts that says in `account` what they came
    to.
    """
    counted = state if state["kind"] == key.KIND_LLM_CALL else state.get("account")
    if counted is None:
        return ""
    get = counted.get
    return account_line(state["status"], get("tokens"), get("cost_nano"), get("backend"), get("fallback_from"))


def account_line(
    status: str, tokens: Mapping[str, int] | None, nano: int | None, /, backend: str | None, fallback_from: str | None
) -> str:
    """Write an account; empty for a span that has not ended.

    Args:
        status: of the span.
        tokens: `input` and `output`, as far as they are known.
        nano: the cost in nano-USD; None is unknown.
        backend: who served the call.
        fallback_from: the backend that was fallen back from.

    Returns:
        `errors unpriced input output nano backend`, a newline, and the backend that was fallen back from, if any.
        The first two are 0 or 1.
    """
    if status in NOT_FINAL:
        return ""
    failed = "1" if status == "error" else "0"
    unpriced = "1" if nano is None and lacks_price({"status": status, "tokens": tokens}) else "0"
    read, written = (tokens.get("input", 0), tokens.get("output", 0)) if tokens else (0, 0)
    account = f"{failed} {unpriced} {read} {written} {nano or 0} {_one_line(backend) if backend else 'unknown'}\n"
    return account + _one_line(fallback_from) if fallback_from else account


def _one_line(value: str) -> str:
    return value.replace("\n", " ") if "\n" in value else value

"""The account of an ended span: one line of what a run's totals add up. Pure.

The run script reads it, and makes it again from the stored state when that is replaced or turns out to be a wrapper
(`scripts/append/account.lua`). Held to `tests/golden/rules/account.json`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spantail import attributes as key
from spantail_exporters.model.fold import FINAL, rank
from spantail_exporters.model.money import lacks_price

if TYPE_CHECKING:
    from collections.abc import Mapping


def account_of(state: Mapping[str, Any]) -> str:
    """Write the account of a state; empty where it has none.

    An LLM attempt has one once it has ended, and so has a span around attempts that says in `account` what they came
    to.

    Returns:
        `errors unpriced input output nano backend`, a newline, and the backend that was fallen back from, if any.
        The first two are 0 or 1, then tokens, nano-USD and a name on one line.
    """
    counted = state if state["kind"] == key.KIND_LLM_CALL else state.get("account")
    if counted is None or rank(state["status"]) != FINAL:
        return ""
    status, tokens, fallback_from = state["status"], counted.get("tokens") or {}, counted.get("fallback_from")
    unpriced = lacks_price(counted if counted is state else {**counted, "status": status})
    account = (
        f"{'1' if status == 'error' else '0'} {'1' if unpriced else '0'} {tokens.get('input', 0)} "
        f"{tokens.get('output', 0)} {counted.get('cost_nano') or 0} {_one_line(counted.get('backend') or 'unknown')}\n"
    )
    return account + _one_line(fallback_from) if fallback_from else account


def _one_line(value: str) -> str:
    return value.replace("\n", " ") if "\n" in value else value

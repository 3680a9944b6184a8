"""What the ingest makes of a case, and whether that is right."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from spantail.redaction import Redactor
from spantail_service.ingest.decoding.entries import Tally
from spantail_service.ingest.decoding.json_items import decode_traces_json
from spantail_service.ingest.span_changes import finished_change
from tests.unit.money.requests import request_of

if TYPE_CHECKING:
    from tests.unit.money.loading import Case, Expected

_NANO: Final = 10**9
_ADDED_UP: Final = ("input", "output", "cache_read", "cache_write", "cache_write_1h")
"""A case that says nothing of one of these says that there are none."""


class Verdict(NamedTuple):
    """What the event of a call says, and what is wrong with it (nothing when it is right)."""

    tokens: dict[str, int]
    cost_nano: int | None
    cost_source: str | None
    cost_note: str
    counted: bool
    faults: list[str]

    @property
    def silently_wrong(self) -> bool:
        """Whether it shows an amount that is not the right one: the worst that can happen."""
        return self.cost_nano is not None and any(fault.startswith("cost") for fault in self.faults)


def nano_of(usd: str) -> int:
    """An amount as text in whole nano-USD; the amounts of the cases are exact to it.

    Raises:
        ValueError: it is finer than a nano-USD.
    """
    nano = Decimal(usd) * _NANO
    if nano != nano.to_integral_value():
        raise ValueError(f"{usd} USD is no whole number of nano-USD")
    return int(nano)


def judge(case: Case) -> Verdict:
    """Send the span of a case through decoding and encoding, and compare the event with what is right."""
    assert case.expected is not None
    tally = Tally()
    records = [record for record in decode_traces_json(request_of(case), tally) if record is not None]
    assert len(records) == 1, tally
    change = finished_change(records[0], Redactor())
    event: dict[str, Any] = json.loads(change.events[-1])
    # the account begins "failed unpriced …", see `model/rules/account.py`; a span that is no call has none
    unpriced = change.account.split(" ")[1] == "1" if change.account else False
    found = Verdict(
        event.get("tokens", {}),
        event.get("cost_nano"),
        event.get("cost_source"),
        event.get("cost_note", ""),
        counted=unpriced or "cost_nano" in event,
        faults=[],
    )
    if found.cost_nano is None and case.expected.or_unpriced:
        loud = replace(case.expected, cost_usd=None, cost_source="unpriced", cost_note_says="", tokens=None)
        return found._replace(faults=_faults(found, loud))
    return found._replace(faults=_faults(found, case.expected))


def _faults(found: Verdict, expected: Expected) -> list[str]:
    faults = []
    right = None if expected.cost_usd is None else nano_of(expected.cost_usd)
    if found.cost_nano != right:
        faults.append(f"cost {found.cost_nano} nano-USD instead of {right} ({found.cost_note or 'no note'})")
    if found.cost_source != expected.cost_source:
        faults.append(f"source {found.cost_source} instead of {expected.cost_source}")
    if right is None and expected.counted and not found.cost_note:
        faults.append("no note says why there is no price")
    if expected.cost_note_says.lower() not in found.cost_note.lower():
        faults.append(f"note {found.cost_note!r} does not say {expected.cost_note_says!r}")
    if found.counted != expected.counted:
        faults.append(f"counted {found.counted} instead of {expected.counted}")
    if expected.tokens is not None:
        faults += [
            f"{name} {found.tokens.get(name)} tokens instead of {expected.tokens.get(name)}"
            for name in dict.fromkeys((*_ADDED_UP, *expected.tokens))
            if found.tokens.get(name, 0) != expected.tokens.get(name, 0)
        ]
    return faults

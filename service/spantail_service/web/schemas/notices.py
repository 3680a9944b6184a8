"""Notices, and the rules that they come from."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from spantail_service.web.schemas.base import Described

RuleKind = Literal["run_failed", "budget_met", "spend_above", "fallback_rate", "queue_stuck"]


class NoticeRule(Described):
    """A rule, and how its notices are delivered."""

    id: str
    kind: RuleKind
    enabled: bool
    threshold: float | None = Field(
        description="What has to be reached: a share of a limit (`budget_met`), US dollars (`spend_above`), a share of "
        "calls (`fallback_rate`), seconds that the first item has waited (`queue_stuck`)."
    )
    window_s: int | None = Field(description="How far it looks back, and the least time between two notices, seconds.")
    webhook: str | None = Field(description="Scheme and host of the webhook; null where none is set.")
    last_sent: int | None = Field(description="Microseconds since the epoch.")
    last_error: str | None
    pending: int = Field(description="Notices that are still to be sent.")
    dead: int = Field(description="Notices that could not be sent.")


class Notice(Described):
    """A notice."""

    id: str
    rule: RuleKind
    time: int = Field(description="Microseconds since the epoch.")
    title: str
    detail: str
    run_id: str | None
    state: Literal["sent", "pending", "dead", "unsent"] = Field(description="`unsent`: no webhook was set.")


class Notices(Described):
    """Every rule, and the latest notices, the newest first."""

    rules: list[NoticeRule]
    recent: list[Notice]


class RuleChange(Described):
    """What is to change of a rule."""

    enabled: bool | None = None
    threshold: float | None = Field(None, allow_inf_nan=False)
    window_s: int | None = None

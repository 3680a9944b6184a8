"""What a check has found."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Level(StrEnum):
    """How much a finding matters."""

    OK = "ok"
    NOTE = "note"
    """May be the reason, or is worth knowing."""
    WRONG = "wrong"
    """Is a reason for not seeing spans."""


class Finding(NamedTuple):
    """One finding, in words for a person; `advice` says what to do about it, a line to paste after a newline."""

    level: Level
    subject: str
    message: str
    advice: str = ""


def ok(subject: str, message: str) -> Finding:
    """All is well."""
    return Finding(Level.OK, subject, message)


def note(subject: str, message: str, advice: str = "") -> Finding:
    """Something to know."""
    return Finding(Level.NOTE, subject, message, advice)


def wrong(subject: str, message: str, advice: str) -> Finding:
    """Something to repair."""
    return Finding(Level.WRONG, subject, message, advice)

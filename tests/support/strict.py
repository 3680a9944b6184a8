"""One switch: with SPANTAIL_TEST_STRICT=1 a missing real part fails the test, otherwise it skips it."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def is_strict() -> bool:
    """Whether every real part must be there, as in continuous integration."""
    return os.environ.get("SPANTAIL_TEST_STRICT", "") not in {"", "0"}


def missing(what: str) -> NoReturn:
    """Say that a real part is not on this machine: a skip, or a failure when strict."""
    if is_strict():
        pytest.fail(f"{what} (SPANTAIL_TEST_STRICT wants it)", pytrace=False)
    pytest.skip(what)

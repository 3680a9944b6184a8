"""How many spans of a run are kept, as the environment says it."""

from __future__ import annotations

import pytest

from spantail_exporters.model.limits import SPAN_CAP, Limits


def test_the_environment_says_how_many_spans_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPANTAIL_RUN_MAX_SPANS", raising=False)
    assert Limits.from_environment() == Limits()
    monkeypatch.setenv("SPANTAIL_RUN_MAX_SPANS", " 1000000 ")
    assert Limits.from_environment() == Limits(span_cap=1_000_000)


@pytest.mark.parametrize("value", ["many", "1e6", "99", "-1", "5000001", "9" * 5_000])
def test_a_wrong_number_is_logged_and_the_default_holds(
    value: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SPANTAIL_RUN_MAX_SPANS", value)
    assert Limits.from_environment().span_cap == SPAN_CAP
    assert "is no number of spans from 100 to 5000000, 100000 holds" in caplog.text

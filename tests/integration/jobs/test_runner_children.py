"""The further runners of a service: one that cannot be started is tried again."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from spantail_service.runner_children import RunnerChildren
from spantail_service.settings import Settings
from tests.support.waiting import eventually_async

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio


async def test_a_runner_that_cannot_be_started_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    executable = tmp_path / "python"
    began = tmp_path / "began"
    monkeypatch.setattr(sys, "executable", str(executable))
    children = RunnerChildren(Settings(redis_url="redis://127.0.0.1:1"), 1, 0.5)
    try:
        await eventually_async(lambda: "cannot be started" in caplog.text, 20)
        executable.write_text(f"#!/bin/sh\necho 1 > {began}\nexec sleep 60\n")
        executable.chmod(0o755)
        await eventually_async(began.exists, 20)
    finally:
        await children.stop()

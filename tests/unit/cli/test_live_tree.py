"""The live tree leaves the terminal as it was, whatever happens to its drawing."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from spantail_service.cli.render.live_tree import LiveTree
from spantail_service.cli.render.view import RunView
from spantail_service.client.terminal import UNICODE
from tests.support.waiting import eventually_async

if TYPE_CHECKING:
    from rich.console import Group


class _Broken(LiveTree):
    def _picture(self) -> Group:
        raise ValueError("a drawing that fails")


async def test_a_drawing_that_fails_gives_the_screen_back() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=80, height=24)
    tree = _Broken(RunView("a" * 32), console, UNICODE)
    with pytest.raises(ValueError, match="a drawing that fails"):
        async with tree:
            await eventually_async(lambda: tree._task is not None and tree._task.done())
    assert "\x1b[?1049h" in out.getvalue()
    assert "\x1b[?1049l" in out.getvalue()

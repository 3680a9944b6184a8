"""The live tree on a terminal: redrawn when something changed, at a bounded share of the time."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Final, Self

from rich.console import Group
from rich.live import Live
from rich.text import Text

from spantail_service.cli.render.picture import Paper, draw_result, draw_run, fit

if TYPE_CHECKING:
    from rich.console import Console

    from spantail_service.cli.render.view import RunView
    from spantail_service.client.following import Interruption
    from spantail_service.client.terminal import Glyphs

_TICK_S: Final = 1.0  # running durations, when nothing else moves
_LEAST_PAUSE_S: Final = 0.15
_SHARE: Final = 4  # a drawing that took long is followed by a pause as many times as long
_LEAST_ROWS: Final = 5


class LiveTree:
    """Draws a `RunView` on the terminal's alternate screen while it is entered."""

    def __init__(self, view: RunView, console: Console, glyphs: Glyphs) -> None:
        self._view = view
        self._console = console
        self._glyphs = glyphs
        self._live = Live(console=console, screen=True, auto_refresh=False, transient=True)
        self._changed = asyncio.Event()
        self._interruption: Interruption | None = None
        self._interrupted_at = 0.0
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._live.start()
        self._task = asyncio.create_task(self._draw_on(), name="spantail-tail-drawing")
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            if self._task is not None:
                self._task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await self._task
        finally:
            self._live.stop()  # a drawing that failed must not leave the terminal on its alternate screen

    def changed(self, *, interruption: Interruption | None) -> None:
        """Say that the view has changed, or that the service does not answer."""
        self._interruption = interruption
        self._interrupted_at = time.monotonic()
        self._changed.set()

    def leave_behind(self, most_rows: int) -> None:
        """Print the run as it stands, on the terminal's main screen."""
        if not self._view.version:
            return
        paper = Paper(self._console.width, self._glyphs)
        for line in draw_result(self._view, paper, _now_us(), most_rows=most_rows):
            line.end = "\n"
            self._console.print(line, soft_wrap=True)

    async def _draw_on(self) -> None:
        self._live.update(self._picture(), refresh=True)
        shown: tuple[object, ...] = ()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_TICK_S):
                    await self._changed.wait()
            self._changed.clear()
            ticks = not self._view.is_over or self._interruption is not None
            now = (self._view.version, self._interruption, self._console.size, int(time.monotonic()) if ticks else 0)
            if now == shown:
                continue
            shown = now
            began = time.monotonic()
            self._live.update(self._picture(), refresh=True)
            await asyncio.sleep(max(_LEAST_PAUSE_S, _SHARE * (time.monotonic() - began)))

    def _picture(self) -> Group:
        width, height = self._console.size
        max_lines = max(_LEAST_ROWS, height - 2)
        if self._view.version:
            lines = draw_run(self._view, Paper(width, self._glyphs), _now_us(), max_lines=max_lines)[:max_lines]
        else:
            lines = [Text("connecting", style="dim", end="")]
        lines += [Text("", end="")] * (height - 1 - len(lines))
        for line in lines:
            line.end = "\n"
        return Group(*lines, self._foot(width))

    def _foot(self, width: int) -> Text:
        if self._interruption is not None:
            left_s = max(0.0, self._interruption.retry_in_s - (time.monotonic() - self._interrupted_at))
            words = f"reconnecting in {left_s:.0f} s: {self._interruption.reason}"
            return Text(fit(words, width, self._glyphs.more), style="bold yellow", no_wrap=True, end="")
        return Text(fit("live  Ctrl-C leaves, the run goes on", width, self._glyphs.more), style="dim", end="")


def _now_us() -> int:
    return time.time_ns() // 1_000

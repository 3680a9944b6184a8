"""The end of a program that a test has started."""

from __future__ import annotations

import contextlib
import subprocess
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def ended(process: subprocess.Popen[Any], within_s: float) -> Iterator[None]:
    """At the end of the block the program is asked to end, and killed where it has not after `within_s` seconds."""
    try:
        yield
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(within_s)
        if process.poll() is None:
            process.kill()

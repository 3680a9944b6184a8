"""Objects that begin anew in a forked child."""

from __future__ import annotations

import os
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def call_in_child(method: Callable[[], None]) -> None:
    """Have a bound method called in every child that this process forks, as long as its object lives."""
    if not hasattr(os, "register_at_fork"):
        return
    reference = weakref.WeakMethod(method)  # a fork hook is for ever

    def after_fork() -> None:
        if bound := reference():
            bound()

    os.register_at_fork(after_in_child=after_fork)

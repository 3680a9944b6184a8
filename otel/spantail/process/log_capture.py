"""Log capture: a handler on the root logger that the application's own set-up of `logging` does not disturb."""

from __future__ import annotations

import logging
import logging.config
from typing import TYPE_CHECKING, Any

from spantail.process.patches import Patch

if TYPE_CHECKING:
    from collections.abc import Callable

    from spantail.live.log_handler import SpanLogHandler


class LogCapture:
    """Keeps a `SpanLogHandler` on the root logger from `attach()` to `detach()`.

    `logging.basicConfig` does nothing when the root logger has a handler, and `dictConfig` and `fileConfig` throw its
    handlers away. So while it is attached these three are wrapped, and run as if the handler were not there.

    Args:
        handler: The handler.
        patch: Whether the three functions are wrapped. Without it, call them before `attach()`.
    """

    def __init__(self, handler: SpanLogHandler, *, patch: bool = True) -> None:
        self._handler = handler
        self._patch = patch
        self._patches: list[Patch] = []

    def attach(self) -> None:
        """Start to take records; call it once."""
        logging.root.addHandler(self._handler)
        if not self._patch:
            return
        for module, name in (
            (logging, "basicConfig"),
            (logging.config, "dictConfig"),
            (logging.config, "fileConfig"),
        ):
            self._patches.append(Patch(module, name, self._without_handler))

    def detach(self) -> None:
        """Stop to take records and put the three functions back; safe to call twice."""
        logging.root.removeHandler(self._handler)
        for patch in self._patches:
            patch.undo()
        self._patches.clear()

    def _without_handler(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def configure(*args: Any, **kwargs: Any) -> Any:
            attached = self._handler in logging.root.handlers
            logging.root.removeHandler(self._handler)
            try:
                return function(*args, **kwargs)
            finally:
                if attached:
                    logging.root.addHandler(self._handler)

        return configure

"""Log capture: a handler on the root logger that the application's own set-up of `logging` does not disturb."""

from __future__ import annotations

import logging
import logging.config
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from spantail.live.log_handler import SpanLogHandler


class LogCapture:
    """Keeps a `SpanLogHandler` on the root logger from `attach()` to `detach()`.

    `logging.basicConfig` does nothing when the root logger has a handler, and `dictConfig` and `fileConfig`
    throw its handlers away, so while it is attached these three run as if the handler were not there.
    """

    def __init__(self, handler: SpanLogHandler) -> None:
        self._handler = handler
        self._originals: list[tuple[Any, str, Callable[..., Any], Callable[..., Any]]] = []

    def attach(self) -> None:
        """Start to take records; once."""
        logging.root.addHandler(self._handler)
        for module, name in (
            (logging, "basicConfig"),
            (logging.config, "dictConfig"),
            (logging.config, "fileConfig"),
        ):
            original = getattr(module, name)
            wrapper = self._without_handler(original)
            setattr(module, name, wrapper)
            self._originals.append((module, name, original, wrapper))

    def detach(self) -> None:
        """Stop to take records; safe to call twice."""
        logging.root.removeHandler(self._handler)
        for module, name, original, wrapper in self._originals:
            if getattr(module, name) is wrapper:  # else somebody wrapped it again: ours then only passes on
                setattr(module, name, original)
        self._originals.clear()

    def _without_handler(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def configure(*args: Any, **kwargs: Any) -> Any:
            attached = self._handler in logging.root.handlers
            logging.root.removeHandler(self._handler)
            try:
                return function(*args, **kwargs)
            finally:
                if attached:
                    logging.root.addHandler(self._handler)

        configure.__name__ = function.__name__
        configure.__doc__ = function.__doc__
        return configure

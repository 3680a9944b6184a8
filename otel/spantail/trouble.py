"""What goes wrong inside the instrumentation: it is logged once and never raised into the application."""

from __future__ import annotations

import logging
from typing import Final

_logger: Final = logging.getLogger("spantail.instrumentation")
_reported: Final[set[str]] = set()
_REPORT_LIMIT: Final = 100


def report_trouble(what: str) -> None:
    """Log, once per `what` and process, that an instrumentation call failed.

    Instrumentation must not raise into the application, but neither may it fail in silence.

    Args:
        what: What went wrong, without values or names of the application: after 100 different texts nothing more is
            logged.
    """
    if what in _reported or len(_reported) >= _REPORT_LIMIT:
        return
    _reported.add(what)
    _logger.warning("%s; the application goes on, this is said once", what)

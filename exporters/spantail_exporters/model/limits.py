"""How much of a run is kept, and for how long."""

from __future__ import annotations

import logging
import os
from typing import Final, NamedTuple

_logger = logging.getLogger(__name__)

TAIL_CAP: Final = 10_000  # events
SPAN_CAP: Final = 100_000  # spans
MAX_EVENT_BYTES: Final = 1024 * 1024
SPAN_CAP_RANGE: Final = range(100, 5_000_001)
OPEN_EXPIRY_S: Final = 24 * 3600
SETTLED_EXPIRY_S: Final = 6 * 3600

SPAN_CAP_VARIABLE: Final = "SPANTAIL_RUN_MAX_SPANS"


class Limits(NamedTuple):
    """How much of a run is kept, and for how long."""

    tail_cap: int = TAIL_CAP
    span_cap: int = SPAN_CAP
    open_expiry_s: int = OPEN_EXPIRY_S
    settled_expiry_s: int = SETTLED_EXPIRY_S

    @classmethod
    def from_environment(cls) -> Limits:
        """Those that the environment asks for: `SPANTAIL_RUN_MAX_SPANS` is how many spans of a run are kept.

        What is no such number is logged, and the default holds: a wrong setting of telemetry stops no application.
        """
        text = os.environ.get(SPAN_CAP_VARIABLE, "").strip()
        if not text:
            return cls()
        try:
            cap = int(text)
        except ValueError:
            cap = -1
        if cap not in SPAN_CAP_RANGE:
            least, most = SPAN_CAP_RANGE[0], SPAN_CAP_RANGE[-1]
            _logger.warning(
                "%s=%r is no number of spans from %d to %d, %d holds", SPAN_CAP_VARIABLE, text, least, most, SPAN_CAP
            )
            return cls()
        return cls(span_cap=cap)

"""Whether message content may be recorded at all."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

CAPTURE_CONTENT_VARIABLE: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"


def content_capture_allowed(environ: Mapping[str, str] = os.environ) -> bool:
    """Tell whether prompts and answers may be recorded on spans: only when the environment asks for it.

    `true` is the older form of the variable; `SPAN_ONLY` and `SPAN_AND_EVENT` are the current ones.
    """
    value = environ.get(CAPTURE_CONTENT_VARIABLE, "").strip().lower()
    return value in {"true", "1", "span_only", "span_and_event"}

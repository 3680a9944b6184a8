"""The live pipeline's sink: which one the environment asks for, and how it is found."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from spantail.redaction.secret_patterns import mask_secrets
from spantail.setup.trace_exporters import component

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spantail.live import EventSink

URL_VARIABLES: Final = ("SPANTAIL_REDIS_URL", "OTEL_EXPORTER_LIVETAIL_URL")
STARTS_VARIABLE: Final = "SPANTAIL_STARTS"
_SINK_GROUP: Final = "spantail_live_sink"

_logger: Final = logging.getLogger("spantail")


def starts_over_otlp(environ: Mapping[str, str]) -> bool:
    """Tell whether SPANTAIL_STARTS asks for span starts over OTLP; a word that is not known is logged."""
    asked = environ.get(STARTS_VARIABLE, "").strip().lower()
    if asked not in {"", "otlp", "none"}:
        _logger.warning("%s=%s is not known: otlp or none", STARTS_VARIABLE, asked)
    return asked == "otlp"


def live_sink(name: str, *url: str) -> EventSink | None:
    """Make a sink by its entry point in the group `spantail_live_sink`.

    Args:
        name: The entry point's name: `redis` or `otlp`.
        url: What it is made from.

    Returns:
        The sink; None, with a warning that does not show the URL, when there is none or it cannot be made.
    """
    factory = component(_SINK_GROUP, name)
    if factory is None:
        _logger.warning("the live pipeline is asked for, but it is not installed")
        return None
    try:
        sink: EventSink = factory(*url)
    except Exception as error:
        words = str(error)
        for secret in url:
            words = words.replace(secret, "(url)")
        _logger.warning("the live pipeline could not be made: %s", mask_secrets(words))
        return None
    return sink

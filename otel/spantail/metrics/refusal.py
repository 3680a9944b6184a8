"""A destination that takes spans and no metrics, as Jaeger does: that is logged once, not at each export."""

from __future__ import annotations

import logging
from typing import Final

_HTTP: Final = "opentelemetry.exporter.otlp.proto.http.metric_exporter"
_GRPC: Final = "opentelemetry.exporter.otlp.proto.grpc.exporter"
_NOT_SERVED: Final = {404, 405, 501, "UNIMPLEMENTED"}
_ADVICE: Final = (
    "metrics are not taken there (%s), spans are not concerned; OTEL_METRICS_EXPORTER=none stops the attempts. "
    "This is said once"
)


class _SaidOnce(logging.Filter):
    """Turns the exporter's error into one warning, and drops those that come after."""

    def __init__(self) -> None:
        super().__init__()
        self._said = False

    def filter(self, record: logging.LogRecord) -> bool:
        arguments = record.args if isinstance(record.args, tuple) else ()
        if "metrics" not in arguments:
            return True
        status = next((one for one in map(_status, arguments) if one in _NOT_SERVED), None)
        if status is None:
            return True
        if self._said:
            return False
        self._said = True
        record.msg, record.args = _ADVICE, (status,)
        record.levelno, record.levelname = logging.WARNING, logging.getLevelName(logging.WARNING)
        return True


def _status(argument: object) -> object:
    return argument if isinstance(argument, int) else getattr(argument, "name", None)


_filter: Final = _SaidOnce()


def say_refusal_once() -> None:
    """Watch the logs of OpenTelemetry's metric exporters; called again, it changes nothing."""
    for name in (_HTTP, _GRPC):
        logging.getLogger(name).addFilter(_filter)


def say_refusals_again() -> None:
    """Leave those logs as they were."""
    for name in (_HTTP, _GRPC):
        logging.getLogger(name).removeFilter(_filter)

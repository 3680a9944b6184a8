"""An id generator that gives a span the ids that are prescribed for it, and makes up all others."""

from __future__ import annotations

from opentelemetry.sdk.trace.id_generator import IdGenerator

from spantail.scopes.prescription import prescription


class PrescribedIds(IdGenerator):
    """Gives out what `spantail.scopes.prescription` prescribes.

    Args:
        others: Makes all other ids.
    """

    def __init__(self, others: IdGenerator) -> None:
        self.others = others

    def generate_trace_id(self) -> int:
        """Return the trace id of the trace that is about to begin."""
        present = prescription()
        return self.others.generate_trace_id() if present is None else present.trace_id

    def generate_span_id(self) -> int:
        """Return the span id of the span that is about to begin."""
        present = prescription()
        return self.others.generate_span_id() if present is None else present.span_id

    def is_trace_id_random(self) -> bool:
        """Tell whether trace ids are random (W3C Trace Context, "Random Trace ID Flag"); a prescribed one is."""
        # older SDKs do not ask, and their generators have no answer
        answer = getattr(self.others, "is_trace_id_random", None)
        return bool(answer()) if callable(answer) else False

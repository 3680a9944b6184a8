"""The circuit breaker: per backend and model, shared by all processes on one Redis."""

from spantail_service.llm.breaker.circuit import Circuit, all_circuits
from spantail_service.llm.breaker.shared import SharedBreaker

__all__ = ["Circuit", "SharedBreaker", "all_circuits"]

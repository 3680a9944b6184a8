"""What the OpenAI client's errors mean to the chain."""

from __future__ import annotations

import time

from spantail_service.llm.base import BackendError, Reason
from spantail_service.llm.retry_after import retry_after_s

_SERVER_ERRORS = 500
_BY_STATUS: dict[int, Reason] = {
    401: "auth",
    403: "auth",
    404: "not_found",
    408: "timeout",
    429: "rate_limited",
    503: "overloaded",
    504: "timeout",
    529: "overloaded",
}
_PASSING: frozenset[Reason] = frozenset({"overloaded", "rate_limited", "server_error"})


def as_backend_error(error: Exception) -> BackendError | None:
    """The backend error for what `langchain-openai` or `openai` raised; None when it is neither's, and
    so a bug that must show as itself. Import `openai` before: an error of its kind cannot exist without.
    """
    import openai

    if isinstance(error, openai.APITimeoutError):
        return BackendError("timeout", "the request timed out")
    if isinstance(error, openai.APIConnectionError):
        cause = error.__cause__
        return BackendError("unreachable", f"no connection: {cause if cause is not None else error}")
    if isinstance(error, openai.APIStatusError):
        status = error.status_code
        reason = _BY_STATUS.get(status, "server_error" if status >= _SERVER_ERRORS else "bad_request")
        again_s = retry_after_s(error.response.headers, time.time()) if reason in _PASSING else None
        return BackendError(reason, f"HTTP {status}: {error.message}", retry_after_s=again_s)
    if isinstance(error, openai.OpenAIError):
        # Raised before anything was sent: the client was given no key.
        words = str(error)
        return BackendError("auth" if "api_key" in words or "credentials" in words else "bad_response", words)
    if isinstance(error, TimeoutError):  # langchain's limit between two chunks
        return BackendError("timeout", str(error))
    return None

"""What the errors of the `openai` and `anthropic` clients mean to the chain. Both are made by one generator."""

from __future__ import annotations

import importlib
import time
from typing import TYPE_CHECKING, Any, Final, Literal

from spantail_service.llm.base import BackendError, Reason
from spantail_service.llm.retry_after import retry_after_s

if TYPE_CHECKING:
    from collections.abc import Mapping

_SERVER_ERRORS: Final = 500
_BY_STATUS: Final[Mapping[int, Reason]] = {
    401: "auth",
    402: "auth",  # OpenRouter: no credits left
    403: "auth",
    404: "not_found",
    408: "timeout",
    429: "rate_limited",
    503: "overloaded",
    504: "timeout",
    529: "overloaded",
}
_PASSING: Final[frozenset[Reason]] = frozenset({"overloaded", "rate_limited", "server_error"})


def as_backend_error(error: Exception, client: Literal["openai", "anthropic"]) -> BackendError | None:
    """The backend error for what a client, or LangChain on top of it, raised.

    Args:
        error: What was raised.
        client: The module that was used; it is loaded already.

    Returns:
        None when it comes from neither client: then it is a bug, and is raised as it is.
    """
    sdk: Any = importlib.import_module(client)
    if isinstance(error, sdk.APITimeoutError):
        return BackendError("timeout", "the request timed out")
    if isinstance(error, sdk.APIConnectionError):
        cause = error.__cause__
        return BackendError("unreachable", f"no connection: {cause if cause is not None else error}")
    if isinstance(error, sdk.APIStatusError):
        return _of_status(error.status_code, error.message, error.response.headers)
    if isinstance(error, sdk.APIError):  # in the middle of a stream, where there is no status any more
        body = error.body if isinstance(error.body, dict) else {}
        code = body.get("code")
        return _of_status(code, error.message, {}) if isinstance(code, int) else _of_words(error.message)
    if isinstance(error, (sdk.OpenAIError if client == "openai" else sdk.AnthropicError)):
        # Raised before anything was sent: the client was given no key.
        return _of_words(str(error))
    if isinstance(error, TimeoutError):  # langchain's limit between two chunks
        return BackendError("timeout", str(error))
    return None


def _of_status(status: int, message: str, headers: Mapping[str, str]) -> BackendError:
    reason = _BY_STATUS.get(status, "server_error" if status >= _SERVER_ERRORS else "bad_request")
    again_s = retry_after_s(headers, time.time()) if reason in _PASSING else None
    said = message.removeprefix(f"Error code: {status} - ")  # the clients begin with the status too
    return BackendError(reason, f"HTTP {status}: {said}", retry_after_s=again_s)


def _of_words(words: str) -> BackendError:
    if "overloaded" in words.lower():
        return BackendError("overloaded", words)
    return BackendError("auth" if "api_key" in words or "credentials" in words else "bad_response", words)

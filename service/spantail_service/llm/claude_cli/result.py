"""Reads the result object that `claude -p` prints at its end. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spantail_service.llm.base import Reason

_SERVER_ERRORS = 500
_BY_STATUS: dict[int, Reason] = {
    400: "bad_request",
    401: "auth",
    403: "auth",
    404: "not_found",
    408: "timeout",
    413: "bad_request",
    429: "rate_limited",
    503: "overloaded",
    504: "timeout",
    529: "overloaded",
}

# Of some failures the CLI gives words only.
_BY_WORDS: tuple[tuple[str, Reason], ...] = (
    ("rate limit", "rate_limited"),
    ("usage limit", "rate_limited"),
    ("/login", "auth"),
    ("api key", "auth"),
    ("authenticat", "auth"),
    ("unable to connect", "unreachable"),
    ("connection", "unreachable"),
    ("overloaded", "overloaded"),
    ("timed out", "timeout"),
)


@dataclass(frozen=True, slots=True)
class ClaudeUsage:
    """Tokens as the GenAI conventions count them: `input` includes what was read from or written to the
    cache, which Anthropic reports beside it.
    """

    input: int
    output: int
    cache_read: int
    cache_write: int
    cache_write_1h: int | None = None
    web_searches: int | None = None
    service_tier: str | None = None
    speed: str | None = None


@dataclass(frozen=True, slots=True)
class ClaudeResult:
    """One result of the CLI, failed or not."""

    text: str
    error: Reason | None
    model: str | None
    usage: ClaudeUsage | None
    cost_usd: Decimal | None
    """None when the CLI names no price, or none above zero: zero tokens cost nothing, and tokens of a
    model unknown to the CLI are unpriced, not free."""
    session_id: str | None
    stop_reason: str | None


def read_result(data: dict[str, Any]) -> ClaudeResult:
    """What the result object says; its fractions are `Decimal`."""
    text = data.get("result")
    failed = data.get("is_error") is True or not isinstance(text, str)
    return ClaudeResult(
        text=text if isinstance(text, str) else str(data.get("subtype", "")),
        error=_reason(data, text if isinstance(text, str) else "") if failed else None,
        model=_model(data.get("modelUsage")),
        usage=_usage(data.get("usage")),
        cost_usd=_cost(data.get("total_cost_usd")),
        session_id=_text(data.get("session_id")),
        stop_reason=_text(data.get("stop_reason")),
    )


def _reason(data: dict[str, Any], text: str) -> Reason:
    status = data.get("api_error_status")
    if isinstance(status, int):
        return _BY_STATUS.get(status, "server_error" if status >= _SERVER_ERRORS else "bad_request")
    words = text.lower()
    return next((reason for part, reason in _BY_WORDS if part in words), "bad_response")


def _model(model_usage: object) -> str | None:
    """The model that did the work: the most expensive one, since the CLI may ask a small one as well."""
    if not isinstance(model_usage, dict) or not model_usage:
        return None

    def weight(name: str) -> tuple[Decimal, Decimal]:
        usage = model_usage[name]
        if not isinstance(usage, dict):
            return Decimal(0), Decimal(0)
        return _number(usage.get("costUSD")) or Decimal(0), _number(usage.get("outputTokens")) or Decimal(0)

    return max((name for name in model_usage if isinstance(name, str)), key=weight, default=None)


def _usage(usage: object) -> ClaudeUsage | None:
    if not isinstance(usage, dict):
        return None
    fresh = _count(usage.get("input_tokens"))
    read = _count(usage.get("cache_read_input_tokens"))
    written = _count(usage.get("cache_creation_input_tokens"))
    output = _count(usage.get("output_tokens"))
    if not fresh + read + written + output:
        return None  # an attempt that was refused: unknown, not zero
    written_for, used = _object(usage.get("cache_creation")), _object(usage.get("server_tool_use"))
    return ClaudeUsage(
        fresh + read + written,
        output,
        read,
        written,
        cache_write_1h=_count(written_for.get("ephemeral_1h_input_tokens")) or None,
        web_searches=_count(used.get("web_search_requests")) or None,
        service_tier=_text(usage.get("service_tier")),
        speed=_text(usage.get("speed")),
    )


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _cost(value: object) -> Decimal | None:
    cost = _number(value)
    return cost if cost is not None and cost > 0 else None


def _number(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    number = Decimal(value)
    return number if number.is_finite() else None


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None

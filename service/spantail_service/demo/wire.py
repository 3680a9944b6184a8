"""The shapes of the two LLM APIs on the wire, as far as the demo speaks them."""

from __future__ import annotations

import base64
import json
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

from spantail_service.demo.answers import count_tokens
from spantail_service.demo.requested import NO_SPECIAL, SpecialTokens, ToolCall

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

    from starlette.requests import Request

MAX_DIMENSIONS = 3_072
_MAX_BODY_BYTES = 2 * 1024 * 1024
_MAX_INPUTS = 256
_CHARACTERS_PER_CHUNK = 16
_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    529: "overloaded_error",
}


class BadRequestError(Exception):
    """A request that the real API would refuse too."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer in the making."""

    id: str
    model: str
    text: str
    input_tokens: int
    rng: random.Random
    special: SpecialTokens = NO_SPECIAL
    tool: ToolCall | None = None
    """Asked for instead of a text."""

    @property
    def output_tokens(self) -> int:
        """What the answer is charged for, reasoning included."""
        answered = self.text if self.tool is None else self.tool.name + self.tool.arguments
        return count_tokens(answered) + self.special.reasoning

    def pieces(self) -> Iterator[str]:
        """The text as it is streamed."""
        for start in range(0, len(self.text), _CHARACTERS_PER_CHUNK):
            yield self.text[start : start + _CHARACTERS_PER_CHUNK]


async def read_json(request: Request) -> dict[str, Any]:
    """The request's body.

    Raises:
        BadRequestError: It is no JSON object, or larger than 2 MiB.
    """
    raw = bytearray()
    async for block in request.stream():
        raw += block
        if len(raw) > _MAX_BODY_BYTES:
            raise BadRequestError("the request is too large")
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        raise BadRequestError("the request is not JSON") from None
    if not isinstance(body, dict):
        raise BadRequestError("the request is not an object")
    return body


def prompt_of(body: dict[str, Any]) -> str:
    """What the user says: the text of the user's messages. System texts are left out, because clients add
    their own, with session ids and dates, and the same question must get the same answer.
    """
    messages = body.get("messages")
    if not isinstance(messages, list):
        return ""
    users = [message for message in messages if isinstance(message, dict) and message.get("role") == "user"]
    return "\n".join(part for message in users for part in _texts(message.get("content")))


def _texts(content: object) -> Iterator[str]:
    if isinstance(content, str):
        yield content.strip()
    elif isinstance(content, list):
        for part in content:
            text = part.get("text") if isinstance(part, dict) else None
            if isinstance(text, str) and not text.startswith("<system-reminder>"):
                yield text.strip()


def inputs_of(value: object) -> list[str]:
    """The texts to embed.

    Raises:
        BadRequestError: There is none, there are too many, or one is no text.
    """
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts or len(texts) > _MAX_INPUTS:
        raise BadRequestError(f"input must be a text or 1 to {_MAX_INPUTS} texts")
    if not all(isinstance(text, str) for text in texts):
        raise BadRequestError("input must hold texts, not tokens")
    return texts


def data_line(payload: dict[str, Any]) -> str:
    """One OpenAI stream event."""
    return f"data: {json.dumps(payload)}\n\n"


def event_lines(payload: dict[str, Any]) -> str:
    """One Anthropic stream event."""
    return f"event: {payload['type']}\n{data_line(payload)}"


def packed(numbers: list[float]) -> str:
    """A vector as base64 of 32-bit floats, which OpenAI's client asks for."""
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def completion(reply: Reply, kind: str) -> dict[str, Any]:
    """What every OpenAI chat object begins with."""
    return {"id": f"chatcmpl-{reply.id}", "object": kind, "created": 1_767_225_600, "model": reply.model}


def message(reply: Reply) -> dict[str, Any]:
    """An Anthropic message without its text."""
    return {
        "id": f"msg_{reply.id}",
        "type": "message",
        "role": "assistant",
        "model": reply.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def openai_tool_calls(tool: ToolCall, identity: str) -> list[dict[str, Any]]:
    """The call of a tool, in OpenAI's words; a chunk of a stream says the index too, which others ignore."""
    function = {"name": tool.name, "arguments": tool.arguments}
    return [{"index": 0, "id": f"call_{identity}", "type": "function", "function": function}]


def anthropic_tool_use(tool: ToolCall, identity: str) -> dict[str, Any]:
    """The call of a tool, in Anthropic's words, without its input."""
    return {"type": "tool_use", "id": f"toolu_{identity}", "name": tool.name, "input": {}}


def openai_usage(reply: Reply) -> dict[str, Any]:
    """Tokens, in OpenAI's words: the sums include what the details name."""
    special = reply.special
    prompt_tokens = reply.input_tokens + special.cached + special.written
    usage: dict[str, Any] = {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": reply.output_tokens,
        "total_tokens": prompt_tokens + reply.output_tokens,
    }
    if special != NO_SPECIAL:
        usage["prompt_tokens_details"] = {"cached_tokens": special.cached}
        usage["completion_tokens_details"] = {"reasoning_tokens": special.reasoning}
    return usage


def anthropic_usage(reply: Reply, output: int) -> dict[str, int]:
    """Tokens, in Anthropic's words: cached ones stand beside the input; `output` counts up while it streams."""
    return {
        "input_tokens": reply.input_tokens,
        "cache_creation_input_tokens": reply.special.written,
        "cache_read_input_tokens": reply.special.cached,
        "output_tokens": output,
    }


def openrouter_usage(reply: Reply) -> dict[str, Any]:
    """Tokens and cost, in OpenRouter's words."""
    usage = openai_usage(reply)
    cost_usd = (3 * usage["prompt_tokens"] + 15 * usage["completion_tokens"]) / 1_000_000
    details = {"upstream_inference_cost": None}
    return {**usage, "cost": round(cost_usd, 9), "is_byok": False, "cost_details": details}


def openai_error(status: int, message: str, retry_after: str | None = None) -> Response:
    """A refusal of the OpenAI API."""
    kind = _ERROR_TYPES.get(status, "server_error")
    error = {"message": message, "type": kind, "param": None, "code": kind}
    return JSONResponse({"error": error}, status_code=status, headers=_retry(status, retry_after))


def openrouter_error(status: int, message: str, retry_after: str | None = None) -> Response:
    """A refusal of OpenRouter."""
    error = {"code": status, "message": message}
    return JSONResponse({"error": error}, status_code=status, headers=_retry(status, retry_after))


def anthropic_error(status: int, message: str, retry_after: str | None = None) -> Response:
    """A refusal of the Anthropic API."""
    error = {"type": _ERROR_TYPES.get(status, "api_error"), "message": message}
    return JSONResponse({"type": "error", "error": error}, status_code=status, headers=_retry(status, retry_after))


def _retry(status: int, retry_after: str | None) -> dict[str, str]:
    usual = "1" if status in (429, 529) else None
    return {"retry-after": after} if (after := retry_after or usual) else {}

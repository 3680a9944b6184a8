"""The demo provider: the OpenAI chat and embeddings API, OpenRouter's form of it, and the Anthropic Messages API.

Routes begin at `/v1`, as with the real ones; below a mount called `openrouter` it speaks as OpenRouter does. Answers
depend on seed and prompt alone.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from spantail_service.demo.answers import answer, count_tokens, vector
from spantail_service.demo.faults import Pace, requested_refusal, requested_status, seeded
from spantail_service.demo.requested import requested_tool, requested_usage
from spantail_service.demo.wire import (
    MAX_DIMENSIONS,
    BadRequestError,
    Reply,
    anthropic_error,
    anthropic_tool_use,
    anthropic_usage,
    completion,
    data_line,
    event_lines,
    inputs_of,
    message,
    openai_error,
    openai_tool_calls,
    openai_usage,
    openrouter_error,
    openrouter_usage,
    packed,
    prompt_of,
    read_json,
)

if TYPE_CHECKING:
    from starlette.requests import Request

Hold = Callable[[str], Awaitable[None]]
"""Awaited before an answer, with the route's path: lets a test hold the provider."""

DIMENSIONS = 64
_MOST_REMEMBERED = 1_000


def create_provider_app(
    seed: int = 0,
    *,
    pace: Pace | None = None,
    rate_limited: float = 0.06,
    overloaded: float = 0.0,
    hold: Hold | None = None,
) -> Starlette:
    """The ASGI app.

    `rate_limited` is the share of Anthropic requests that get a 429, `overloaded` that of OpenAI requests that get a
    503, by seed and prompt.
    """
    provider = _Provider(seed, pace or Pace(), rate_limited, overloaded, hold)
    return Starlette(
        routes=[
            Route("/v1/chat/completions", provider.chat_completions, methods=["POST"]),
            Route("/v1/embeddings", provider.embeddings, methods=["POST"]),
            Route("/v1/messages", provider.messages, methods=["POST"]),
            Route("/v1/messages/count_tokens", provider.count_tokens, methods=["POST"]),
        ]
    )


class _Provider:
    def __init__(self, seed: int, pace: Pace, rate_limited: float, overloaded: float, hold: Hold | None) -> None:
        self._seed = seed
        self._pace = pace
        self._rate_limited = rate_limited
        self._overloaded = overloaded
        self._hold = hold
        self._refused: Counter[str] = Counter()

    # --- OpenAI

    async def chat_completions(self, request: Request) -> Response:
        is_openrouter = "/openrouter" in request.scope.get("root_path", "")
        place, refuse = ("openrouter", openrouter_error) if is_openrouter else ("openai", openai_error)
        prepared = await self._prepare(request, place, refuse)
        if isinstance(prepared, Response):
            return prepared
        body, reply = prepared
        usage = openrouter_usage(reply) if is_openrouter else openai_usage(reply)
        if body.get("stream") is not True:
            await self._think(reply)
            message: dict[str, Any] = {"role": "assistant", "content": reply.text}
            if reply.tool is not None:
                message = {**message, "content": None, "tool_calls": openai_tool_calls(reply.tool, reply.id)}
            choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if reply.tool else "stop"}
            return JSONResponse({**completion(reply, "chat.completion"), "choices": [choice], "usage": usage})
        options = body.get("stream_options")
        wants_usage = isinstance(options, dict) and options.get("include_usage") is True
        # OpenRouter tells it without being asked
        stream = self._openai_stream(reply, usage if is_openrouter or wants_usage else None)
        return StreamingResponse(stream, media_type="text/event-stream")

    async def _openai_stream(self, reply: Reply, usage: dict[str, Any] | None) -> AsyncIterator[str]:
        head = completion(reply, "chat.completion.chunk")

        def chunk(delta: dict[str, Any], finish: str | None = None) -> str:
            choice = {"index": 0, "delta": delta, "finish_reason": finish}
            return data_line({**head, "choices": [choice], **({"usage": None} if usage else {})})

        yield chunk({"role": "assistant", "content": ""})
        if reply.tool is not None:
            yield chunk({"tool_calls": openai_tool_calls(reply.tool, reply.id)})
        else:
            async for piece in self._typed(reply):
                yield chunk({"content": piece})
        yield chunk({}, "tool_calls" if reply.tool else "stop")
        if usage:
            yield data_line({**head, "choices": [], "usage": usage})
        yield "data: [DONE]\n\n"

    async def embeddings(self, request: Request) -> Response:
        try:
            body = await read_json(request)
            texts = inputs_of(body.get("input"))
        except BadRequestError as error:
            return openai_error(400, str(error))
        await self._held(request)
        model = str(body.get("model", ""))
        status = requested_status("openai", " ".join(texts), header=_header(request), model=model)
        if status is not None:
            return openai_error(status, "requested by the demo")
        rng = seeded(self._seed, "embeddings", *texts)
        await asyncio.sleep(self._pace.first_token_s(rng))
        asked = body.get("dimensions")
        size = asked if isinstance(asked, int) and 0 < asked <= MAX_DIMENSIONS else DIMENSIONS
        vectors = [vector(text, size, lambda word: seeded(self._seed, "word", word)) for text in texts]
        as_text = body.get("encoding_format") == "base64"
        tokens = sum(map(count_tokens, texts))
        return JSONResponse(
            {
                "object": "list",
                "model": model,
                "data": [
                    {
                        "object": "embedding",
                        "index": index,
                        "embedding": packed(numbers) if as_text else numbers,
                    }
                    for index, numbers in enumerate(vectors)
                ],
                "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
            }
        )

    # --- Anthropic

    async def messages(self, request: Request) -> Response:
        prepared = await self._prepare(request, "anthropic", anthropic_error)
        if isinstance(prepared, Response):
            return prepared
        body, reply = prepared
        if body.get("stream") is not True:
            await self._think(reply)
            content: dict[str, Any] = {"type": "text", "text": reply.text}
            if reply.tool is not None:
                content = {**anthropic_tool_use(reply.tool, reply.id), "input": json.loads(reply.tool.arguments)}
            return JSONResponse(
                {
                    **message(reply),
                    "content": [content],
                    "stop_reason": "tool_use" if reply.tool else "end_turn",
                    "usage": anthropic_usage(reply, reply.output_tokens),
                }
            )
        return StreamingResponse(self._anthropic_stream(reply), media_type="text/event-stream")

    async def _anthropic_stream(self, reply: Reply) -> AsyncIterator[str]:
        yield event_lines({"type": "message_start", "message": {**message(reply), "usage": anthropic_usage(reply, 1)}})
        block = anthropic_tool_use(reply.tool, reply.id) if reply.tool else {"type": "text", "text": ""}
        yield event_lines({"type": "content_block_start", "index": 0, "content_block": block})
        if reply.tool is not None:
            delta = {"type": "input_json_delta", "partial_json": reply.tool.arguments}
            yield event_lines({"type": "content_block_delta", "index": 0, "delta": delta})
        else:
            async for piece in self._typed(reply):
                delta = {"type": "text_delta", "text": piece}
                yield event_lines({"type": "content_block_delta", "index": 0, "delta": delta})
        yield event_lines({"type": "content_block_stop", "index": 0})
        yield event_lines(
            {
                "type": "message_delta",
                "delta": {"stop_reason": "tool_use" if reply.tool else "end_turn", "stop_sequence": None},
                "usage": anthropic_usage(reply, reply.output_tokens),  # all of it again, as the real one does
            }
        )
        yield event_lines({"type": "message_stop"})

    async def count_tokens(self, request: Request) -> Response:
        try:
            body = await read_json(request)
        except BadRequestError as error:
            return anthropic_error(400, str(error))
        return JSONResponse({"input_tokens": count_tokens(prompt_of(body))})

    # --- both

    async def _prepare(
        self, request: Request, place: str, refuse: Callable[..., Response]
    ) -> Response | tuple[dict[str, Any], Reply]:
        """The request's body and the answer to it, or the refusal."""
        try:
            body = await read_json(request)
        except BadRequestError as error:
            return refuse(400, str(error))
        await self._held(request)
        prompt = prompt_of(body)
        model = str(body.get("model", ""))[:200]
        refusal = requested_refusal(place, prompt, header=_header(request), model=model)
        if refusal is not None and self._fails_still(f"{place} {prompt}", refusal.times):
            return refuse(refusal.status, "requested by the demo", refusal.retry_after)
        rng = seeded(self._seed, place, prompt)
        if place == "anthropic" and rng.random() < self._rate_limited:
            return refuse(429, "This request would exceed the demo's rate limit")
        # A source of its own: whether some fail changes nothing about the others.
        if place == "openai" and seeded(self._seed, "overloaded", prompt).random() < self._overloaded:
            await asyncio.sleep(self._pace.first_token_s(rng))
            return refuse(503, "The demo's model is overloaded, as real ones are now and then")
        identity = f"{rng.getrandbits(64):016x}"
        # The text has its own randomness: both APIs give the same answer to the same prompt.
        text = answer(prompt, seeded(self._seed, "answer", prompt))
        tool = requested_tool(prompt, body)
        return body, Reply(identity, model, text, count_tokens(prompt), rng, requested_usage(prompt), tool)

    def _fails_still(self, request: str, times: int | None) -> bool:
        """Whether a request that is to fail so many times has not yet."""
        if times is None:
            return True
        if len(self._refused) > _MOST_REMEMBERED:
            self._refused.clear()
        self._refused[request] += 1
        return self._refused[request] <= times

    async def _held(self, request: Request) -> None:
        if self._hold is not None:
            await self._hold(request.url.path)

    async def _think(self, reply: Reply) -> None:
        tokens = reply.output_tokens * self._pace.token_s(reply.rng)
        await asyncio.sleep(self._pace.first_token_s(reply.rng) + tokens)

    async def _typed(self, reply: Reply) -> AsyncIterator[str]:
        await asyncio.sleep(self._pace.first_token_s(reply.rng))
        token_s = self._pace.token_s(reply.rng)
        for piece in reply.pieces():
            await asyncio.sleep(token_s * count_tokens(piece))
            yield piece


def _header(request: Request) -> str | None:
    return request.headers.get("x-demo-error")

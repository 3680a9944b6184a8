"""Reads what `claude -p --output-format stream-json --include-partial-messages` prints, while it prints it. Pure.

One JSON object a line: pieces of text (`stream_event`), whole messages (`assistant`), limits of the account
(`rate_limit_event`), and the `result` at the end.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from spantail_service.llm.claude_cli.process import OutputTooLargeError

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_LINE_BYTES: Final = 4 * 1024 * 1024
MAX_OUTPUT_BYTES: Final = 64 * 1024 * 1024
"""Of all lines together: a piece of 16 characters comes in a line of 400."""

_COUNTS: Final = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")


class ClaudeStream:
    """Takes the output in pieces of any size.

    Args:
        on_text: Takes each piece of the answer's text.
        on_usage: Takes the sum of the tokens so far, by their names in Anthropic's API, when it has grown.
    """

    def __init__(self, on_text: Callable[[str], None], on_usage: Callable[[dict[str, int]], None]) -> None:
        self._on_text = on_text
        self._on_usage = on_usage
        self._begun = bytearray()
        self._taken = 0
        self._usage: dict[str, dict[str, int]] = {}
        self._message = ""
        self.result: dict[str, Any] | None = None
        """The object that ends it."""
        self.resets_at_s: float | None = None
        """When the account's limit ends, in seconds since the epoch; None where it is not met."""

    def feed(self, data: bytes) -> bool:
        """Take the next bytes.

        Returns:
            Whether the result is there, after which nothing of interest comes.

        Raises:
            OutputTooLargeError: A line, or all of it, is too long.
        """
        self._taken += len(data)
        *lines, rest = (bytes(self._begun) + data).split(b"\n")
        if len(rest) > MAX_LINE_BYTES or self._taken > MAX_OUTPUT_BYTES:
            raise OutputTooLargeError(f"more than it may, {self._taken} bytes so far")
        self._begun = bytearray(rest)
        for line in lines:
            self._take(line)
        return self.result is not None

    def end(self) -> None:
        """No more comes: the last line may have no end."""
        self._take(bytes(self._begun))
        self._begun.clear()

    def _take(self, line: bytes) -> None:
        try:
            data = json.loads(line, parse_float=Decimal) if line.strip() else None
        except (ValueError, RecursionError):
            return
        if not isinstance(data, dict):
            return
        match data.get("type"):
            case "result":
                self.result = data
            case "stream_event":
                self._event(_object(data.get("event")), within_answer=data.get("parent_tool_use_id") is None)
            case "assistant":
                message = _object(data.get("message"))
                if message.get("model") != "<synthetic>":  # the CLI's own words about an error
                    self._count(message.get("id"), message.get("usage"))
            case "rate_limit_event":
                self._limit(_object(data.get("rate_limit_info")))

    def _event(self, event: dict[str, Any], *, within_answer: bool) -> None:
        kind = event.get("type")
        if kind == "message_start":
            message = _object(event.get("message"))
            self._message = str(message.get("id"))
            self._count(self._message, message.get("usage"))
        elif kind == "message_delta":
            self._count(self._message, event.get("usage"))
        elif kind == "content_block_delta" and within_answer:
            delta = _object(event.get("delta"))
            text = delta.get("text")
            if delta.get("type") == "text_delta" and isinstance(text, str) and text:
                self._on_text(text)

    def _count(self, message_id: object, usage: object) -> None:
        """Each message reports its usage several times, with more tokens each time: the largest counts are taken."""
        held = self._usage.setdefault(str(message_id), dict.fromkeys(_COUNTS, 0))
        before = dict(held)
        for name in _COUNTS:
            count = _object(usage).get(name)
            if isinstance(count, int) and not isinstance(count, bool):
                held[name] = max(held[name], count)
        if held != before:
            self._on_usage({name: sum(each[name] for each in self._usage.values()) for name in _COUNTS})

    def _limit(self, info: dict[str, Any]) -> None:
        resets_at = info.get("resetsAt")
        if info.get("status") == "rejected" and isinstance(resets_at, int | Decimal):
            self.resets_at_s = float(resets_at)


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}

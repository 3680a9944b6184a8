"""What a prompt may ask of the demo provider beside an error: tokens of special kinds, and a call of a tool.

`[[demo-usage cached=400 written=100 reasoning=20]]` counts such tokens beside those of prompt and answer;
`[[demo-tool get_weather {"city": "Bern"}]]` has the model call that tool, where the request offers it, once.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, NamedTuple

_USAGE = re.compile(r"\[\[demo-usage((?: (?:cached|written|reasoning)=\d{1,6}){1,3})\]\]")
_TOOL = re.compile(r"\[\[demo-tool ([A-Za-z0-9_-]{1,64}) (\{.*?\})\]\]", re.DOTALL)


class SpecialTokens(NamedTuple):
    """Tokens that APIs count apart: read from a cache, written to it, and spent on reasoning."""

    cached: int = 0
    written: int = 0
    reasoning: int = 0


NO_SPECIAL: Final = SpecialTokens()


class ToolCall(NamedTuple):
    """The tool that the answer asks for, and the arguments as JSON."""

    name: str
    arguments: str


def requested_usage(prompt: str) -> SpecialTokens:
    """The special tokens that `prompt` asks for; none by default."""
    found = _USAGE.search(prompt)
    if found is None:
        return NO_SPECIAL
    pairs = (pair.split("=") for pair in found.group(1).split())
    return SpecialTokens(**{name: int(count) for name, count in pairs})


def requested_tool(prompt: str, body: dict[str, Any]) -> ToolCall | None:
    """The tool call that `prompt` asks for, unless its result is there already or the request has no such tool."""
    found = _TOOL.search(prompt)
    if found is None or _last_is_result(body):
        return None
    name, arguments = found.groups()
    try:
        json.loads(arguments)
    except ValueError:
        return None
    return ToolCall(name, arguments) if name in _offered(body) else None


def _offered(body: dict[str, Any]) -> set[object]:
    tools = body.get("tools")
    named = [tool for tool in tools if isinstance(tool, dict)] if isinstance(tools, list) else []
    # OpenAI's API nests the name, Anthropic's does not
    return {_dict(tool.get("function")).get("name", tool.get("name")) for tool in named}


def _last_is_result(body: dict[str, Any]) -> bool:
    messages = body.get("messages")
    last = _dict(messages[-1]) if isinstance(messages, list) and messages else {}
    content = last.get("content")
    parts = content if isinstance(content, list) else []
    return last.get("role") == "tool" or any(_dict(part).get("type") == "tool_result" for part in parts)


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}

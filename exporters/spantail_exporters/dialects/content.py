"""Prompts and answers, tool arguments and results, where they were captured: under the conventions' names. Pure.

Content is large, so it is moved, not copied: what stands under one name of theirs stands under ours instead.
"""

from __future__ import annotations

import math
import re
from typing import Any, Final, NamedTuple

import orjson

from spantail import attributes as key
from spantail_exporters.dialects.names import AI_SDK

_ASKED, _ANSWERED = key.GEN_AI_INPUT_MESSAGES, key.GEN_AI_OUTPUT_MESSAGES
_ARGUMENTS, _RESULT = key.GEN_AI_TOOL_CALL_ARGUMENTS, key.GEN_AI_TOOL_CALL_RESULT


class ContentRule(NamedTuple):
    """What goes into a span of `kind` stands under `asked`, what comes out under `answered`."""

    kind: str
    asked: str
    answered: str
    source: str


CONTENT_RULES: Final = tuple(
    ContentRule(kind, asked, answered, source)
    for kind in (key.KIND_LLM_CALL, key.KIND_TOOL)
    for asked, answered, source in (
        ("langfuse.observation.input", "langfuse.observation.output", "Langfuse SDK, LangfuseOtelSpanAttributes"),
        ("mlflow.spanInputs", "mlflow.spanOutputs", "MLflow 3, SpanAttributeKey.INPUTS and OUTPUTS"),
        ("traceloop.entity.input", "traceloop.entity.output", "OpenLLMetry, SpanAttributes"),
        ("input.value", "output.value", "OpenInference semantic conventions, INPUT_VALUE and OUTPUT_VALUE"),
        ("gen_ai.prompt", "gen_ai.completion", "OpenTelemetry GenAI semantic conventions before 1.28"),
        ("ai.prompt.messages", "ai.response.text", AI_SDK),
        ("ai.prompt.messages", "ai.response.object", AI_SDK),
        ("ai.prompt.messages", "ai.response.toolCalls", AI_SDK),
        ("ai.toolCall.args", "ai.toolCall.result", AI_SDK),
    )
)

_INDEXED: Final = (
    # their prefix, ours, source
    ("llm.input_messages.", _ASKED, "OpenInference semantic conventions, LLM_INPUT_MESSAGES"),
    ("llm.output_messages.", _ANSWERED, "OpenInference semantic conventions, LLM_OUTPUT_MESSAGES"),
    ("gen_ai.prompt.", _ASKED, "OpenLLMetry before 0.50"),
    ("gen_ai.completion.", _ANSWERED, "OpenLLMetry before 0.50"),
)
CONTENT_NAMES: Final = frozenset({_ASKED, _ANSWERED, _ARGUMENTS, _RESULT})
_PREFIXES: Final = tuple(prefix for prefix, _, _ in _INDEXED)
_NAMES: Final = frozenset(name for rule in CONTENT_RULES for name in (rule.asked, rule.answered))
_PLACE: Final = re.compile(r"(\d{1,4})\.(.+)")
_MOST_FIELDS: Final = 2_000


def move_content(attributes: dict[str, Any], kind: str, moved: dict[str, str] | None = None) -> None:
    """Give captured content our names, in `attributes` itself; `moved` is told where it stood, see `origin`."""
    moved = {} if moved is None else moved
    if kind == key.KIND_LLM_CALL:
        indexed = [name for name in attributes if name.startswith(_PREFIXES)]
        for prefix, ours, _ in _INDEXED if indexed else ():
            _join(attributes, indexed, prefix, ours, moved)
        names = (_ASKED, _ANSWERED)
    elif kind == key.KIND_TOOL:
        names = (_ARGUMENTS, _RESULT)
    else:
        return
    for rule in () if _NAMES.isdisjoint(attributes) else CONTENT_RULES:
        if rule.kind == kind:
            for theirs, ours in zip((rule.asked, rule.answered), names, strict=True):
                if ours not in attributes and theirs in attributes:
                    attributes[ours] = attributes.pop(theirs)
                    moved[ours] = theirs


def _join(attributes: dict[str, Any], names: list[str], prefix: str, ours: str, moved: dict[str, str]) -> None:
    """Make a list of messages of attributes such as `llm.input_messages.0.message.content`, which are among `names`.

    These are left where they are too if the list does not say how they were called, or what their values were.
    """
    messages: dict[int, dict[str, Any]] = {}
    taken = []
    infixes = set()
    says_all = True
    for name in names:
        if name.startswith(prefix) and (place := _PLACE.fullmatch(name, len(prefix))):
            value = attributes[name]
            taken.append(name)
            field = place[2].removeprefix("message.")
            infixes.add(place[2][: len(place[2]) - len(field)])
            says_all &= _is_plain(value) and str(int(place[1])) == place[1]
            messages.setdefault(int(place[1]), {})[field] = value
    if not taken or len(taken) > _MOST_FIELDS or ours in attributes:
        return
    try:
        joined = orjson.dumps([messages[at] for at in sorted(messages)]).decode()
    except (TypeError, ValueError):
        return  # a value that JSON cannot say: it stays where it is
    if says_all and len(infixes) == 1 and max(messages) == len(messages) - 1:
        for name in taken:
            del attributes[name]
        moved[ours] = f"{prefix}#.{infixes.pop()}"
    attributes[ours] = joined


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))

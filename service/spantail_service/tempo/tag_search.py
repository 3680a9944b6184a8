"""The older way to search: `tags=service.name=shop http.url="/api"`, in logfmt (pure).

As in Tempo, a value is looked for within the attribute's, whatever the case.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from spantail_service.tempo.conditions import STATUSES, Both, Comparison, Field, Operator, Scope, Word
from spantail_service.tempo.traceql import MAX_CONDITIONS, MAX_QUERY, TraceQLError

if TYPE_CHECKING:
    from spantail_service.tempo.conditions import Condition

_PAIR: Final = re.compile(r'\s*([^\s="]+)(?:=("(?:[^"\\]|\\.)*"|[^\s"=]*))?(?=\s|$)', re.DOTALL)
_INTRINSICS: Final = {"name": "name", "root.name": "rootName", "root.service.name": "rootServiceName"}


def parse_tags(text: str) -> Condition | None:
    """The conditions of a `tags` parameter, all of which have to hold; `None` when it has none.

    Raises:
        TraceQLError: it is no logfmt, or a tag stands twice.
    """
    if len(text) > MAX_QUERY:
        raise TraceQLError(f"Tags have at most {MAX_QUERY} characters")
    condition: Condition | None = None
    seen: set[str] = set()
    text = text.rstrip()
    at = 0
    while at < len(text):
        pair = _PAIR.match(text, at)
        if pair is None:
            raise TraceQLError('Tags are written key=value, or key="some value"', text[at:], at)
        name, value = pair[1], _unquoted(pair[2])
        if name in seen or len(seen) == MAX_CONDITIONS:
            reason = "A tag stands twice" if name in seen else f"There are at most {MAX_CONDITIONS} tags"
            raise TraceQLError(reason, name, pair.start(1))
        seen.add(name)
        asked = _condition(name, value)
        condition = asked if condition is None else Both(condition, asked)
        at = pair.end()
    return condition


def _unquoted(value: str | None) -> str:
    if value is None:
        return ""
    return re.sub(r"\\(.)", r"\1", value[1:-1], flags=re.DOTALL) if value.startswith('"') else value


def _condition(name: str, value: str) -> Comparison:
    status = Field(Scope.INTRINSIC, "status")
    if name == "error" and value == "true":
        return Comparison(status, Operator.EQUAL, Word("error"))
    if name == "status.code" and value in STATUSES:
        return Comparison(status, Operator.EQUAL, Word(value))
    field = Field(Scope.INTRINSIC, _INTRINSICS[name]) if name in _INTRINSICS else Field(Scope.ANY, name)
    return Comparison(field, Operator.CONTAINS, value.casefold())

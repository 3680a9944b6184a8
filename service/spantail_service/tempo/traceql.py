"""TraceQL, as far as it is understood here: one `{ … }` of conditions, read into a tree (pure).

Grammar and rules as in Tempo (`pkg/traceql`): `&&` and `||` bind equally and from the left, a text is compared with
texts only, durations with numbers. What Tempo knows beyond that is refused with the part that is not understood.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from spantail_service.tempo.conditions import (
    INTRINSICS,
    OTHER_NAMES,
    SPAN_KINDS,
    STATUSES,
    Both,
    Comparison,
    Either,
    Field,
    Kind,
    Operator,
    Scope,
    Word,
)
from spantail_service.tempo.regex import Regex, RegexError
from spantail_service.tempo.tokens import Token, attribute_in, nanoseconds, text_in, tokens

if TYPE_CHECKING:
    from spantail_service.tempo.conditions import Condition

MAX_QUERY: Final = 4_096
"""Longest query, in characters."""
MAX_CONDITIONS: Final = 32
"""Most comparisons in one query."""

UNDERSTOOD: Final = (
    "{ }",
    "{ condition && condition || condition }, with parentheses",
    "= != > >= < <= =~ !~",
    ".attribute, span.attribute, resource.attribute, instrumentation.attribute",
    ", ".join(sorted({*INTRINSICS, *OTHER_NAMES})),
    '"text", `text`, numbers, durations such as 1.5s, true, false, nil',
)
"""What can be asked, in words."""

_DEEPEST: Final = 16
_SHOWN: Final = 40  # characters of a part that is named
_SCOPES: Final = {
    "": Scope.ANY,
    "span": Scope.SPAN,
    "resource": Scope.RESOURCE,
    "instrumentation": Scope.INSTRUMENTATION,
}
_EQUALITY: Final = frozenset({Operator.EQUAL, Operator.UNEQUAL})
_REGEX: Final = frozenset({Operator.FITS, Operator.FITS_NOT})
_LARGEST: Final = 2**63

_Value = str | int | float | bool | None


class TraceQLError(ValueError):
    """A query that is not understood: what is wrong, the part that is, and where it begins."""

    def __init__(self, reason: str, part: str = "", at: int = 0) -> None:
        shown = part if len(part) <= _SHOWN else part[: _SHOWN - 1] + "…"
        super().__init__(f"{reason}: `{shown}` at character {at + 1}." if shown else f"{reason}.")
        self.part = shown
        self.at = at


def parse(query: str) -> Condition | None:
    """The conditions of `query`; `None` when it has none and so fits every span.

    Raises:
        TraceQLError: it is no TraceQL, or goes beyond what is understood.
    """
    if len(query) > MAX_QUERY:
        raise TraceQLError(f"A query has at most {MAX_QUERY} characters")
    return _Parser(query).query() if query.strip() else None


def parse_field(text: str) -> Field:
    """The field that `text` names, as in a query: `.http.method`, `resource.service.name`, `span:name`.

    Raises:
        TraceQLError: it names none.
    """
    if len(text) > MAX_QUERY:
        raise TraceQLError(f"A name has at most {MAX_QUERY} characters")
    token, *others = tokens(text)
    if len(others) != 1:
        raise TraceQLError("This is not one field", text)
    return _field(token)


def _field(token: Token) -> Field:
    if token.kind == "attribute":
        scope, name = attribute_in(token.text)
        if scope not in _SCOPES:
            raise TraceQLError("Attributes of this scope are not understood", token.text, token.at)
        if not name:
            raise TraceQLError("An attribute needs a name", token.text, token.at)
        return Field(_SCOPES[scope], name)
    name = OTHER_NAMES.get(token.text, token.text)
    if token.kind != "word" or name not in INTRINSICS:
        raise TraceQLError("Here a field is wanted that is understood", token.text or "the end", token.at)
    return Field(Scope.INTRINSIC, name)


class _Parser:
    """One query, read from left to right."""

    def __init__(self, query: str) -> None:
        self._query = query
        self._tokens = list(tokens(query))
        self._next = 0
        self._conditions = 0
        self._depth = 0

    def query(self) -> Condition | None:
        self._want("{")
        condition = None if self._is_about_all() else self._conditions_here()
        self._want("}")
        rest = self._peek()
        if rest.kind != "end":
            raise TraceQLError("Behind one { … } nothing is understood", self._query[rest.at :], rest.at)
        return condition

    def _is_about_all(self) -> bool:
        """`{ }`, and `{ true }`, which says the same."""
        if self._peek().text == "true" and self._tokens[self._next + 1].text == "}":
            self._take()
        return self._peek().text == "}"

    def _peek(self) -> Token:
        return self._tokens[self._next]

    def _take(self) -> Token:
        token = self._tokens[self._next]
        self._next = min(self._next + 1, len(self._tokens) - 1)
        return token

    def _want(self, bracket: str) -> None:
        token = self._take()
        if token.kind != "bracket" or token.text != bracket:
            raise TraceQLError(f"Here `{bracket}` is wanted", self._query[token.at :] or "the end", token.at)

    def _conditions_here(self) -> Condition:
        condition = self._one()
        while self._peek().kind == "junction":
            junction = self._take().text
            other = self._one()
            condition = Both(condition, other) if junction == "&&" else Either(condition, other)
        return condition

    def _one(self) -> Condition:
        if self._peek().text != "(" or self._peek().kind != "bracket":
            return self._comparison()
        opening = self._take()
        self._depth += 1
        if self._depth > _DEEPEST:
            raise TraceQLError(f"Parentheses are nested more than {_DEEPEST} deep", opening.text, opening.at)
        inside = self._conditions_here()
        self._want(")")
        self._depth -= 1
        return inside

    def _comparison(self) -> Comparison:
        start = self._peek()
        self._conditions += 1
        if self._conditions > MAX_CONDITIONS:
            raise TraceQLError(f"A query has at most {MAX_CONDITIONS} conditions", start.text, start.at)
        field = _field(self._take())
        sign = self._take()
        if sign.kind != "operator":
            part = self._query[sign.at :] or "the end"
            raise TraceQLError("Here one of = != > >= < <= =~ !~ is wanted", part, sign.at)
        operator = Operator(sign.text)
        literal = self._take()
        value = _value(literal)
        reason = _why_unfit(field.kind, operator, value)
        if reason:
            raise TraceQLError(reason, self._query[start.at : literal.at + len(literal.text)], start.at)
        if operator in _REGEX:
            try:
                return Comparison(field, operator, Regex(str(value)))
            except RegexError as error:
                raise TraceQLError(str(error), literal.text, literal.at) from None
        return Comparison(field, operator, value)


def _value(token: Token) -> _Value:
    match token.kind, token.text:
        case "text", literal:
            try:
                return text_in(literal)
            except ValueError as error:
                raise TraceQLError(f"In this text {error}", literal, token.at) from None
        case "duration", literal:
            duration = nanoseconds(literal)
            if duration is not None:
                return duration
        case "number", literal:
            number = int(literal) if literal.lstrip("-").isdigit() and len(literal) < _SHOWN else float(literal)
            if math.isfinite(number) and (isinstance(number, float) or abs(number) < _LARGEST):
                return number
        case "word", ("true" | "false") as literal:
            return literal == "true"
        case "word", "nil":
            return None
        case "word", literal if literal in STATUSES or literal in SPAN_KINDS:
            return Word(literal)
    raise TraceQLError("Here a value is wanted", token.text or "the end", token.at)


def _why_unfit(kind: Kind | None, operator: Operator, value: _Value) -> str:
    """Why this field, operator and value do not go together; nothing when they do."""
    if operator in _REGEX and (not isinstance(value, str) or isinstance(value, Word)):
        return "A pattern is a text in quotes"
    if operator not in _EQUALITY and (value is None or isinstance(value, bool | Word)):
        return "Words, true, false and nil are compared by = and != only"
    if value is None:
        return ""
    match kind:
        case Kind.STATUS:
            return "" if isinstance(value, Word) and value in STATUSES else "A status is ok, error or unset"
        case Kind.SPAN_KIND:
            fits = isinstance(value, Word) and value in SPAN_KINDS
            return "" if fits else f"A kind is one of {', '.join(SPAN_KINDS)}"
        case Kind.TEXT:
            return (
                ""
                if isinstance(value, str) and not isinstance(value, Word)
                else "This is compared with a text in quotes"
            )
        case Kind.DURATION:
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            return "" if is_number else "This is compared with a duration, such as 1.5s"
        case None:
            return "An attribute's text stands in quotes" if isinstance(value, Word) else ""

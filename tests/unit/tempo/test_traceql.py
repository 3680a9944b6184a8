"""TraceQL is read as Tempo reads it, or refused with the part that is not understood."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spantail_service.tempo.conditions import Both, Comparison, Either, Field, Operator, Scope, Word
from spantail_service.tempo.regex import Regex
from spantail_service.tempo.tag_search import parse_tags
from spantail_service.tempo.tokens import nanoseconds, tokens
from spantail_service.tempo.traceql import MAX_CONDITIONS, MAX_QUERY, TraceQLError, parse, parse_field
from tests.support.cpu_time import cpu_s

if TYPE_CHECKING:
    from collections.abc import Callable


def any_(name: str) -> Field:
    return Field(Scope.ANY, name)


def intrinsic(name: str) -> Field:
    return Field(Scope.INTRINSIC, name)


A = Comparison(any_("a"), Operator.EQUAL, 1)
B = Comparison(any_("b"), Operator.EQUAL, 2)
C = Comparison(any_("c"), Operator.EQUAL, 3)


@pytest.mark.parametrize("query", ["", "  ", "{}", "{ }", "\n{\t}\n", "{true}", "{ true }"])
def test_without_conditions_everything_fits(query: str) -> None:
    assert parse(query) is None


@pytest.mark.parametrize(
    ("query", "meant"),
    [
        ("{ .a = 1 }", A),
        ("{.a=1&&.b=2}", Both(A, B)),
        # both bind equally, as in Tempo's grammar
        ("{ .a = 1 || .b = 2 && .c = 3 }", Both(Either(A, B), C)),
        ("{ .a = 1 || (.b = 2 && .c = 3) }", Either(A, Both(B, C))),
        ('{ name = "x" }', Comparison(intrinsic("name"), Operator.EQUAL, "x")),
        ("{ span:name != `a\\b` }", Comparison(intrinsic("name"), Operator.UNEQUAL, "a\\b")),
        (r'{ .a = "\"\\\n\x41é" }', Comparison(any_("a"), Operator.EQUAL, '"\\\nAé')),
        ("{ status = error }", Comparison(intrinsic("status"), Operator.EQUAL, Word("error"))),
        ("{ kind != server }", Comparison(intrinsic("kind"), Operator.UNEQUAL, Word("server"))),
        ("{ duration >= 1h30m }", Comparison(intrinsic("duration"), Operator.GREATER_EQUAL, 5_400 * 10**9)),
        ("{ trace:duration < 1.5s }", Comparison(intrinsic("traceDuration"), Operator.LESS, 1_500_000_000)),
        ("{ trace:rootService = `s` }", Comparison(intrinsic("rootServiceName"), Operator.EQUAL, "s")),
        ("{ resource.service.name = `s` }", Comparison(Field(Scope.RESOURCE, "service.name"), Operator.EQUAL, "s")),
        (
            "{ instrumentation:version = `1` }",
            Comparison(intrinsic("instrumentation:version"), Operator.EQUAL, "1"),
        ),
        (
            "{ instrumentation.team = `s` }",
            Comparison(Field(Scope.INSTRUMENTATION, "team"), Operator.EQUAL, "s"),
        ),
        ('{ span."a b".c-d/e = true }', Comparison(Field(Scope.SPAN, "a b.c-d/e"), Operator.EQUAL, True)),
        ("{ .a <= -1.5e3 }", Comparison(any_("a"), Operator.LESS_EQUAL, -1_500.0)),
        ("{ .name = nil }", Comparison(any_("name"), Operator.EQUAL, None)),
    ],
)
def test_what_is_meant(query: str, meant: Any) -> None:
    assert parse(query) == meant


def test_a_pattern_is_read_at_once() -> None:
    condition = parse('{ resource.service.name =~ "shop|cart" }')
    assert isinstance(condition, Comparison)
    assert isinstance(condition.value, Regex)
    assert condition.value.matches("cart")


@pytest.mark.parametrize(
    ("query", "part"),
    [
        ("{ .a = 1 } | count() > 2", "| count() > 2"),
        ("{ .a = 1 } && { .b = 2 }", "&& { .b = 2 }"),
        ("{ .a = 1", "the end"),
        (".a = 1", ".a = 1"),
        ("{ event.name = `x` }", "event.name"),
        ("{ parent.a = 1 }", "parent.a"),
        ("{ nestedSetParent < 0 }", "nestedSetParent"),
        ("{ .a = 1 + 2 }", "+ 2 }"),
        ("{ !(.a = 1) }", "!"),
        ("{ .a }", "}"),
        ("{ .a = }", "}"),
        ("{ = 1 }", "="),
        ("{ .a = 1 && }", "}"),
        ("{ (.a = 1 }", "}"),
        ('{ .a = "x }', '"'),
        (r'{ .a = "\d" }', r'"\d"'),
        ("{ .a = 'x' }", "'"),
        ('{ . = "x" }', "."),
        ("{ status = `error` }", "status = `error`"),
        ("{ status = internal }", "status = internal"),
        ("{ status > ok }", "status > ok"),
        ("{ name = 3 }", "name = 3"),
        ("{ duration = `x` }", "duration = `x`"),
        ("{ .a > true }", ".a > true"),
        ("{ .a < nil }", ".a < nil"),
        ("{ .a = error }", ".a = error"),
        ("{ .a =~ 1 }", ".a =~ 1"),
        ("{ .a =~ `(` }", "`(`"),
        ("{ .a = 99999999999999999999 }", "99999999999999999999"),
        ("{ .a = 10foo }", "1"),
        ("{ " + "(" * 17 + ".a = 1" + ")" * 17 + " }", "("),
        ("{ " + " && ".join([".a = 1"] * (MAX_CONDITIONS + 1)) + " }", ".a"),
    ],
)
def test_what_is_not_understood_is_named(query: str, part: str) -> None:
    with pytest.raises(TraceQLError) as raised:
        parse(query)
    assert raised.value.part == part
    assert f"`{part}`" in str(raised.value)
    assert part == "the end" or query[raised.value.at :].startswith(part)


def test_a_long_query_is_not_even_looked_at() -> None:
    with pytest.raises(TraceQLError, match="at most"):
        parse("{" + " " * MAX_QUERY + "}")


WORDS = ["{", "}", "(", ")", "&&", "||", "=", "!=", "=~", "!~", "<", ">=", ".a", "span.b", "resource.c", "event.d",
         "name", "status", "kind", "duration", "span:name", "trace:duration", "error", "ok", "server", "true", "nil",
         '"x"', "`y|z`", "`(`", "1", "-2.5", "10ms", "1h", "|", "select", "\\", '"', "'", ".", "é", "\x00"]  # fmt: skip


@settings(max_examples=500)
@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(WORDS), max_size=25).map(" ".join)))
def test_anything_is_read_or_refused_clearly(query: str) -> None:
    for text in (query, f"{{ {query} }}"):
        for read in (parse, parse_field, parse_tags):
            refused = refusal_of(read, text)
            assert refused is None or refused.endswith(".")


def refusal_of(read: Callable[[str], object], text: str) -> str | None:
    """Why a text is not understood; any other error than the one for that is a defect."""
    try:
        read(text)
    except TraceQLError as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (".http.method", any_("http.method")),
        ("resource.service.name", Field(Scope.RESOURCE, "service.name")),
        ('span."a b"', Field(Scope.SPAN, "a b")),
        ("span:status", intrinsic("status")),
        ("rootName", intrinsic("rootName")),
    ],
)
def test_fields(text: str, field: Field) -> None:
    assert parse_field(text) == field


@pytest.mark.parametrize("text", ["", "service.name x", "x", "event.a", "{}", '"a"', "."])
def test_no_fields(text: str) -> None:
    with pytest.raises(TraceQLError):
        parse_field(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1s", 10**9), ("1.5ms", 1_500_000), ("1h1m1s", 3_661 * 10**9), ("2us", 2_000), ("2µs", 2_000), ("3ns", 3),
     ("1d", 86_400 * 10**9), ("-1s", -(10**9)), ("", None), ("s", None), ("1", None), ("1 s", None), ("1s ", None),
     ("9" * 30 + "y", None)],
)  # fmt: skip
def test_durations(text: str, expected: int | None) -> None:
    assert nanoseconds(text) == expected


def test_tags_of_the_older_search() -> None:
    service = Comparison(any_("service.name"), Operator.CONTAINS, "shop")
    url = Comparison(any_("http.url"), Operator.CONTAINS, 'a "b"')
    assert parse_tags(r'service.name=Shop  http.url="a \"b\""') == Both(service, url)
    assert parse_tags("error=true") == Comparison(intrinsic("status"), Operator.EQUAL, Word("error"))
    assert parse_tags("status.code=ok") == Comparison(intrinsic("status"), Operator.EQUAL, Word("ok"))
    assert parse_tags("root.name=x") == Comparison(intrinsic("rootName"), Operator.CONTAINS, "x")
    assert parse_tags("alone") == Comparison(any_("alone"), Operator.CONTAINS, "")
    assert parse_tags("  ") is None


@pytest.mark.parametrize("text", ["a=1 a=2", 'a="x', 'a=b"c"', "=", '"x"', "a=b=c", "a" * (MAX_QUERY + 1)])
def test_what_is_no_tags(text: str) -> None:
    with pytest.raises(TraceQLError):
        parse_tags(text)


@pytest.mark.parametrize(
    "hostile", ["1" * 4_095 + "X", "1s" * 2_047 + "X", '"' + '\\"' * 2_047, "1e" * 2_047, "-1" * 2_047]
)
def test_no_query_takes_more_than_its_length_is_worth(hostile: str) -> None:
    plain = cpu_s(lambda: list(tokens(".a=1 " * 819)))
    assert cpu_s(lambda: list(tokens(hostile))) < 25 * plain

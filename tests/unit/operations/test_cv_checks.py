"""The CV pipeline's checks: what stands in a CV, what does not, and what is left out then."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spantail_service.operations.asking import Asking
from spantail_service.operations.base import OperationError
from spantail_service.operations.cv_pipeline.checks import RULES, Criteria, check
from spantail_service.operations.cv_pipeline.document import SUMMARY, Draft
from spantail_service.operations.cv_pipeline.input import MAX_CV
from spantail_service.operations.cv_pipeline.leaving_out import leave_out
from spantail_service.operations.cv_pipeline.prompts import Degree, Position
from spantail_service.operations.cv_pipeline.sample import CV
from spantail_service.operations.cv_pipeline.structure import excerpts, split
from spantail_service.operations.cv_pipeline.texts import (
    normal,
    stands_in,
    strange_degrees,
    strange_names,
    strange_numbers,
)
from spantail_service.operations.cv_pipeline.validating import validate
from spantail_service.operations.outreach.contacts import contacts_of
from spantail_service.operations.outreach.input import ContactType
from spantail_service.operations.placeholders import placeholders
from spantail_service.operations.prompting import fenced
from spantail_service.operations.sources import JobPosting

NOBODY: Any = None  # nothing is asked where no repair is allowed
BODY = split(CV).body
KESTREL = Position(role="Senior Backend Developer", employer="Kestrel Systems", dates="2021 - today")
HARBOUR = Position(role="Python Developer", employer="Blue Harbour", dates="2017–2021")
DRAFT = Draft(
    header=split(CV).header,
    positions=(KESTREL, HARBOUR),
    degrees=(Degree(degree="BSc Computer Science", school="Chalmers", dates="2015"),),
    skills=("Python", "Redis"),
    summary="Backend developer who likes clear logs. Knows FastAPI.",
    bullets=(("Built the public API with FastAPI, used by 40 partners",), ("Wrote importers for 14 ports",)),
)
CRITERIA = Criteria(
    cv=BODY,
    sources=excerpts(BODY, (KESTREL, HARBOUR)),
    posting_names=("Senior Python Developer", "Northlight"),
    keywords=("Python", "Redis"),
    max_words=600,
)  # fmt: skip


def faults(draft: Draft, **criteria: Any) -> list[tuple[str, str, str]]:
    return [(each.rule, each.part, each.text) for each in check(draft, replace(CRITERIA, **criteria))]


def with_bullet(text: str) -> Draft:
    return replace(DRAFT, bullets=((text,), DRAFT.bullets[1]))


def test_what_stands_in_the_cv_passes() -> None:
    assert faults(DRAFT) == []


@pytest.mark.parametrize(
    ("bullet", "rule", "found"),
    [
        ("Cut costs by 37 %", "numbers", "37"),
        ("Served 1,200 users", "numbers", "1,200"),
        ("Led seven people", "numbers", "seven"),
        ("Wrote importers for 14 ports", "numbers", "14"),  # true, but of another position
        ("In charge since 1999", "numbers", "1999"),
        ("Ran the services at Globex Corporation", "names", "Globex Corporation"),
        ("Built APIs with Rust", "names", "Rust"),
        ("Holds a PhD", "degrees", "PhD"),
        ("Brings a Master of Science", "degrees", "Master"),
        ("Improved [metric] a lot", "placeholders", "[metric]"),
        ("Improved XX percent of it", "placeholders", "XX"),
        ("Wrote to <company name>", "placeholders", "<company name>"),
        ("Wrote to {{company}}", "placeholders", "{{company}}"),
    ],
)
def test_what_is_invented_or_left_to_fill_in_is_found(bullet: str, rule: str, found: str) -> None:
    assert faults(with_bullet(bullet)) == [(rule, "position 1", found)]


@pytest.mark.parametrize(
    "bullet",
    [
        "Month-end runs in 12 minutes instead of 3 hours",
        "Month-end runs in twelve minutes instead of three hours",
        "Built APIs with FastAPI and PostgreSQL",
        "Ready to do the same at Northlight",
        "Ran the services of Blue Harbour",
        "Mastered hard problems",
    ],
)
def test_what_is_said_in_other_words_is_no_fault(bullet: str) -> None:
    assert faults(with_bullet(bullet)) == []


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"positions": (KESTREL.model_copy(update={"employer": "Globex"}), HARBOUR)}, "Globex"),
        ({"positions": (KESTREL.model_copy(update={"dates": "2019 – today"}), HARBOUR)}, "2019 – today"),
        ({"positions": (KESTREL.model_copy(update={"role": "Chief Developer"}), HARBOUR)}, "Chief Developer"),
        ({"degrees": (Degree(degree="MSc Physics"),)}, "MSc Physics"),
        ({"skills": ("Python", "Redis", "Rust")}, "Rust"),
    ],
)
def test_an_entry_has_to_stand_in_the_cv(changes: dict[str, Any], found: str) -> None:
    assert faults(replace(DRAFT, **changes)) == [("entries", "document", found)]


def test_length_and_keywords() -> None:
    assert faults(DRAFT, max_words=DRAFT.words) == []
    assert faults(DRAFT, max_words=DRAFT.words - 2) == [("length", "position 1", "the document has 2 words too many")]
    assert faults(replace(DRAFT, skills=("Python",))) == [("keywords", SUMMARY, "Redis")]
    assert faults(replace(DRAFT, skills=("Python",), summary="")) == [("keywords", "document", "Redis")]


def test_every_rule_can_fail_and_says_so_in_words() -> None:
    draft = replace(
        with_bullet("Cut costs by 37 % at Globex with a PhD [name]"), skills=("Rust",), degrees=(),
    )  # fmt: skip
    found = check(draft, replace(CRITERIA, max_words=10))
    assert [rule for rule in RULES if any(fault.rule == rule for fault in found)] == list(RULES)
    assert [fault.rule for fault in found] == sorted((fault.rule for fault in found), key=list(RULES).index)
    assert all(fault.reason for fault in found)


# ------------------------------------------------------------------------------------------------------ leaving out


def test_what_is_wrong_is_left_out_and_nothing_else() -> None:
    draft = replace(
        DRAFT,
        summary="Knows FastAPI. Holds a PhD. Likes clear logs.",
        skills=("Python",),
        bullets=(("Built the public API", "Cut costs by 37 %"), ("Ran it at Globex",)),
    )
    mended, left_out = leave_out(draft, check(draft, CRITERIA), 600)
    assert mended.summary == "Knows FastAPI. Likes clear logs."
    assert mended.bullets == (("Built the public API",), ())
    assert mended.skills == ("Python", "Redis")
    assert sorted(left_out) == ["Cut costs by 37 %", "Holds a PhD.", "Ran it at Globex"]
    assert check(mended, CRITERIA) == []


def test_what_is_too_long_loses_bullets_until_it_fits() -> None:
    draft = replace(DRAFT, bullets=(tuple(f"Wrote part {word}" for word in "abcdefgh"), ("One", "Other")))
    mended, left_out = leave_out(draft, check(draft, replace(CRITERIA, max_words=50)), 50)
    assert mended.words <= 50
    assert left_out[0] == "Wrote part h"
    assert len(left_out) + sum(map(len, mended.bullets)) == 10
    nothing_left, _ = leave_out(draft, [], 1)
    assert not any(nothing_left.bullets)


_WORDS = st.sampled_from(
    ["built", "Built", "it", "at", "with", "for", "in", "by", "from", "the", "and", "of", "Globex", "Globex Corp.",
     "Rust",
     "Kestrel Systems", "Blue Harbour", "Northlight", "FastAPI", "Redis", "C++", "37", "1,200", "40", "14", "3", "12",
     "seven", "three", "twelve", "1999", "2015", "2.5", "PhD", "Ph.D.", "MBA", "BSc", "Master of", "Bachelor", "[name]",
     "<company>", "{x}", "{{x}}", "XX", "TODO", "____", ".", "!", "?", ",", "-", "–", "_", "*", "“", "”", "%", "|", "`"]
)  # fmt: skip
_TEXTS = st.lists(_WORDS, min_size=1, max_size=14).map(" ".join)


@given(summary=_TEXTS, bullets=st.lists(_TEXTS, max_size=6), others=st.lists(_TEXTS, max_size=6))
def test_what_is_left_passes_every_check(summary: str, bullets: list[str], others: list[str]) -> None:
    """Whatever an LLM writes: a document that comes out has nothing invented in it."""
    draft = replace(DRAFT, summary=summary, bullets=(tuple(bullets), tuple(others)))
    criteria = replace(CRITERIA, max_words=60)
    mended, left_out = leave_out(draft, check(draft, criteria), 60)
    # a keyword may have been in a sentence that went
    mended, more = leave_out(mended, check(mended, criteria), 60)
    assert check(mended, criteria) == []
    assert all(text in bullets for text in mended.bullets[0])
    kept = sum(map(len, mended.bullets))
    assert kept + len(left_out) + len(more) >= len(bullets) + len(others)


async def test_a_sentence_that_goes_may_take_a_keyword_with_it() -> None:
    draft = replace(DRAFT, skills=("Python",), summary="Runs Redis at Globex. Likes clear logs.")
    checked = await validate(draft, CRITERIA, Asking(NOBODY), max_repairs=0)
    assert (checked.draft.summary, checked.draft.skills) == ("Likes clear logs.", ("Python", "Redis"))
    assert checked.left_out == ["Runs Redis at Globex."]


async def test_where_nothing_is_left_there_is_no_document() -> None:
    draft = replace(DRAFT, summary="A PhD.", bullets=(("Ran it at Globex",), ()))
    with pytest.raises(OperationError, match="nothing of what was written passes"):
        await validate(draft, CRITERIA, Asking(NOBODY), max_repairs=0)
    with pytest.raises(OperationError, match="does not pass its checks: it is too long"):
        await validate(DRAFT, replace(CRITERIA, max_words=5), Asking(NOBODY), max_repairs=0)


# --------------------------------------------------------------------------------------------------------- structure


def test_who_it_is_about_stays_here() -> None:
    text = split(CV)
    assert text.header[0] == "# Mara Lindqvist"
    assert [section.heading for section in text.sections] == ["Profile", "Experience", "Education", "Skills"]
    for private in ("Lindqvist", "@", "+46", "Gothenburg"):
        assert private not in text.body
    assert DRAFT.markdown().startswith("# Mara Lindqvist\n\nmara.lindqvist@example.com")


@pytest.mark.parametrize(
    ("cv", "header", "headings"),
    [
        ("plain text only", 0, [""]),
        ("# Experience\n\ntext\n\n# Education\n\ntext", 0, ["Experience", "Education"]),
        ("Ada\n\n## Work\n\ntext\n\n## School", 0, ["", "Work", "School"]),
        ("# Ada\n\n## Work ##\n\n### Acme\n\ntext", 2, ["Work"]),
        ("## Ada", 0, ["Ada"]),
        ("\n# Ada\ntext", 2, [""]),
        ("#Ada\n#hashtag", 0, [""]),
    ],
)
def test_headings_make_sections(cv: str, header: int, headings: list[str]) -> None:
    text = split(cv)
    assert len(text.header) == header
    assert [section.heading for section in text.sections] == headings


def test_addresses_within_the_text_stay_here_and_dates_do_not() -> None:
    body = split(
        "# A\n\n## Work\n\nPhone: 0123 456\nSee https://a.example/x or a.b@c.example\n2019 - 2021, 01/2019"
    ).body
    assert body.split() == ["##", "Work", "See", "or", "2019", "-", "2021,", "01/2019"]


def test_an_excerpt_ends_where_the_next_position_begins() -> None:
    assert "40 partners" in CRITERIA.sources[0]
    assert "14 ports" not in CRITERIA.sources[0]
    assert "14 ports" in CRITERIA.sources[1]
    assert "Chalmers" not in CRITERIA.sources[1]
    assert excerpts(BODY, [KESTREL.model_copy(update={"employer": "Globex", "role": "Boss"})]) == (BODY,)


@pytest.mark.parametrize(
    "text",
    [
        "## Work\n### Acme\n#### Senior Engineer, 2021\n- first\n#### Engineer, 2019\n- second",
        "## Work\n### Senior Engineer, Acme, 2021\n- first\n### Engineer, Acme, 2019\n- second",
        "Engineer at Acme\n## Work\n**Senior Engineer** (Acme, 2021)\n- first\n**Engineer** (Acme, 2019)\n- second",
        "## Work\n- Senior Engineer, Acme, 2021: first\n- Engineer, Acme, 2019: second\n## Other\nEngineer",
    ],
)
def test_two_positions_at_one_employer_are_told_apart(text: str) -> None:
    positions = [Position(role=role, employer="Acme", dates=dates)
                 for role, dates in (("Senior Engineer", "2021"), ("Engineer", "2019"))]  # fmt: skip
    first, second = excerpts(text, positions)
    assert "first" in first
    assert "second" not in first
    assert "second" in second
    assert "first" not in second


@pytest.mark.parametrize(
    ("phrase", "text", "stands"),
    [
        ("2019 – 2021", "from 2019-2021", True),
        ("**Acme**, Inc.", "at acme, inc.", True),
        ("Java", "JavaScript", False),
        ("C", "C++ and C#", False),
        ("C++", "knows C++.", True),
        (".NET", "ASP.NET", False),
        (".NET", "knows .NET", True),
        ("", "anything", False),
        ("Müller", "MÜLLER & Co", True),
    ],
)
def test_word_for_word(phrase: str, text: str, stands: bool) -> None:
    assert stands_in(phrase, normal(text)) is stands


@pytest.mark.alone
@pytest.mark.parametrize(
    "piece",
    ["a", "a.", "a@", "a@a.", " ", "\n", "#", "# ", "# #", "+", "+1", "(", "-", " -", "<", "< ", "_", "[", "{", "*",
     "Ab ",
     "at ", "at Ab ", "phone", "\n* ", "\n# A", "1", "1,", "one ", "\u00a0", "www.", "reports to the ", "Contact Ab "],
)  # fmt: skip
def test_the_time_is_in_proportion_to_the_text(piece: str) -> None:
    """A hostile text does not hold up the service."""
    hostile = ("x" + piece * MAX_CV)[:MAX_CV]
    begun = time.process_time()
    body = split(hostile).body
    excerpts(body, [KESTREL, HARBOUR])
    normal(hostile)
    fenced("cv", hostile)
    for found in (strange_numbers, strange_names, strange_degrees):
        list(found(hostile, normal(hostile)))
    placeholders(hostile)
    for kind in ContactType:
        contacts_of(JobPosting("i", "s", "Developer", "Acme", "", "", hostile), kind)
    assert time.process_time() - begun < 2.0

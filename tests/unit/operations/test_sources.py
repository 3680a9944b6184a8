"""Answers of job boards, read without asking them."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from spantail_service.operations.sources import SourceName, SourceUnavailableError
from spantail_service.operations.sources.base import plain_text, safe_id
from spantail_service.operations.sources.himalayas import read_job, read_page
from spantail_service.operations.sources.jobspy import read_row, reason_of
from tests.support.cpu_time import cpu_s

ROW: dict[str, Any] = {
    "title": "Senior Python Developer",
    "companyName": "Acme &amp; Sons",
    "excerpt": "Short.",
    "description": "<h3>About</h3><p>Build <b>things</b>.</p><script>alert(1)</script><ul><li>Python</li></ul>",
    "minSalary": 90_000,
    "maxSalary": 120_000,
    "salaryPeriod": "annual",
    "currency": "USD",
    "locationRestrictions": ["Germany", {"alpha2": "ES", "name": "Spain", "slug": "spain"}],
    "categories": ["Python", "Machine-Learning"],
    "pubDate": 1_790_000_000,
    "applicationLink": "https://himalayas.app/companies/acme/jobs/senior-python-developer-123",
    "guid": "https://himalayas.app/companies/acme/jobs/senior-python-developer-123",
}


def test_a_job_of_himalayas() -> None:
    job = read_job(ROW)
    assert job is not None
    assert job.id == "senior-python-developer-123"
    assert job.company == "Acme & Sons"
    assert job.location == "Germany, Spain"
    assert job.description == "About\nBuild things.\nPython"
    assert job.skills == ("Python", "Machine Learning")
    assert job.salary == "USD 90,000–120,000 annual"
    assert job.published == "2026-09-21"


def test_documented_and_real_dates_are_the_same_day() -> None:
    documented = read_job({**ROW, "pubDate": 1_790_000_000_000})
    assert documented is not None
    assert documented.published == "2026-09-21"


@pytest.mark.parametrize(
    "change",
    [{"pubDate": "soon"}, {"pubDate": 1e300}, {"minSalary": "a lot"}, {"minSalary": True, "maxSalary": None},
     {"locationRestrictions": 3}, {"categories": None}, {"companyName": None}, {"description": None}],
)  # fmt: skip
def test_a_strange_field_costs_only_itself(change: dict[str, Any]) -> None:
    job = read_job({**ROW, **change})
    assert job is not None
    assert job.title == "Senior Python Developer"


def test_a_link_that_runs_code_is_dropped() -> None:
    job = read_job({**ROW, "applicationLink": "javascript:alert(1)"})
    assert job is not None
    assert job.url == ROW["guid"]


def test_a_page_and_its_total() -> None:
    jobs, total = read_page(json.dumps({"totalCount": 7, "jobs": [ROW, {"title": "no id"}, 3]}).encode())
    assert [job.id for job in jobs] == ["senior-python-developer-123"]
    assert total == 7
    assert read_page(b'{"jobs": []}') == ([], None)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"jobs": 3}'])
def test_a_page_of_another_shape(body: bytes) -> None:
    with pytest.raises(SourceUnavailableError) as raised:
        read_page(body)
    assert raised.value.reason == "bad_response"


@pytest.mark.parametrize("text", ["", "---", "ä/ö?", "x" * 500, "a b" * 50, "senior-" * 20 + "-9"])
def test_an_id_is_always_safe(text: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", safe_id(text))


def test_markup_becomes_bounded_text() -> None:
    assert plain_text("a<br>b &lt;c&gt;") == "a\nb <c>"
    assert len(plain_text("<p>x</p>" * 100_000)) <= 20_000


def test_code_is_left_out_with_what_it_holds() -> None:
    assert plain_text("a<SCRIPT x='1'>var b;</style></Script  >c<style>p{}</style>d") == "a c d"
    assert plain_text("a<script>b<style>c</style>d") == "ab d", "one that does not end is markup like any other"
    assert plain_text("a<scripted>b</scripted>&#" + "9" * 5_000 + ";c") == "abc"


@pytest.mark.parametrize(
    "hostile",
    ["<script ", "<br ", "<style><script>", "<p", "< ", "</script ", "<script></style>"],
)
def test_no_markup_takes_more_than_its_length_is_worth(hostile: str) -> None:
    plain = cpu_s(lambda: plain_text("<p>words</p> " * 6_000))
    assert cpu_s(lambda: plain_text((hostile * 80_000)[:80_000])) < 25 * plain


def test_a_row_of_jobspy() -> None:
    row = {
        "title": "Developer",
        "job_url": "https://indeed.test/1",
        "company": None,
        "location": "Berlin",
        "min_amount": 50_000.0,
        "max_amount": None,
        "currency": "EUR",
        "interval": "yearly",
    }
    job = read_row(row, SourceName.INDEED)
    assert job is not None
    assert re.fullmatch(r"indeed-[0-9a-f]{16}", job.id)
    assert (job.company, job.salary) == ("unknown company", "EUR 50,000 yearly")
    assert read_row({**row, "job_url": "ftp://x"}, SourceName.INDEED) is None


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("response status code 429 (blocked: use a proxy)", "rate_limited"),
        ("response status code 403 (blocked: use a proxy)", "auth"),
        ("response status code 500", "unavailable"),
        ("Failed to perform, curl: (28) Operation timed out", "timeout"),
        ("Failed to perform, curl: (7) Failed to connect", "unreachable"),
        ("what?", "unavailable"),
    ],
)
def test_jobspy_tells_reasons_in_sentences(message: str, reason: str) -> None:
    assert reason_of(message) == reason

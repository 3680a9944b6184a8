"""The demo world's content is plausible, and the same for the same seed."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from spantail_service.demo.answers import answer, vector
from spantail_service.demo.corpus import make_jobs
from spantail_service.demo.faults import Refusal, requested_refusal, requested_status, seeded
from spantail_service.demo.job_board import find
from spantail_service.demo.workload import Workload
from spantail_service.operations import scoring
from spantail_service.operations.annotations import passages
from spantail_service.operations.annotations import prompts as annotation_prompts
from spantail_service.operations.catalogue import CATALOGUE
from spantail_service.operations.job_search import prompts
from spantail_service.operations.sources.himalayas import read_job
from tests.support.waiting import eventually_async

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


STARTABLE = [name for name, op in CATALOGUE.items() if op.demo_input is not None]


def test_every_prompt_of_the_operations_gets_an_answer_that_can_be_read() -> None:
    job = read_job(make_jobs(1)[0])
    assert job is not None
    score = scoring.score(job, ["python developer"], [])[1]["content"]
    assert 0 <= scoring.read_score(answer(score, seeded(1))).score <= 100
    expand = prompts.expand(["python developer"], [])[1]["content"]
    assert prompts.read_expansion(answer(expand, seeded(1))).related_titles
    summarise = prompts.summarise(["x"], ["90 Developer, Acme: fits", "80 Tester, Acme: fits"])[1]["content"]
    assert "Developer, Acme" in prompts.read_summary(answer(summarise, seeded(1))).summary
    passage = passages.split(job.description)[1]
    annotate = annotation_prompts.annotate(job, "gap", "what is missing", passage)[1]["content"]
    kept = [
        passages.contains(passage, annotation_prompts.read_annotation(answer(annotate, seeded(n))).quote)
        for n in range(50)
    ]
    assert 35 < sum(kept) < 50  # it misquotes now and then


def test_the_same_seed_makes_the_same_world() -> None:
    assert make_jobs(3) == make_jobs(3)
    assert make_jobs(3) != make_jobs(4)
    assert seeded(1, "a").random() == seeded(1, "a").random() == 0.6999762686160851


def test_jobs_have_unique_ids_and_searchable_titles() -> None:
    jobs = make_jobs(0)
    assert len({job["guid"] for job in jobs}) == len(jobs) > 200
    found = find(jobs, "python developer", "")
    assert "Python Developer" in found[0]["title"]
    assert find(jobs, "zookeeper", "") == []
    assert all(job["locationRestrictions"] in ([], ["Germany"]) or "Germany" in job["locationRestrictions"]
               for job in find(jobs, "developer", "Germany"))  # fmt: skip


def test_texts_with_common_words_are_near_each_other() -> None:
    def embed(text: str) -> list[float]:
        return vector(text, 64, lambda word: seeded(0, word))

    near = passages.cosine(embed("tools and languages"), embed("languages and frameworks"))
    assert near > passages.cosine(embed("tools and languages"), embed("salary per month"))


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"text": "[[demo-error 429]]"}, 429),
        ({"text": "[[demo-error 529 openai]]"}, None),
        ({"text": "[[demo-error 529 anthropic]]"}, 529),
        ({"text": "", "header": "500"}, 500),
        ({"text": "", "header": "200"}, None),
        ({"text": "", "header": "x"}, None),
        ({"text": "", "model": "demo-error-401"}, 401),
        ({"text": "nothing"}, None),
    ],
)
def test_errors_on_request(given: dict[str, Any], status: int | None) -> None:
    assert requested_status("anthropic", **given) == status


def test_the_workload_starts_all_that_the_catalogue_has_in_turn() -> None:
    workload = Workload(CATALOGUE, _never, lambda: True, seed=5)
    started = [workload.next() for _ in range(8 * len(STARTABLE))]
    for name, payload in started:
        CATALOGUE[name].input_model.model_validate(payload)
    assert [name for name, _ in started] == 8 * STARTABLE
    again = Workload(CATALOGUE, _never, lambda: True, seed=5)
    assert started == [again.next() for _ in started]


def test_what_says_nothing_of_demo_inputs_is_left_out() -> None:
    search = replace(CATALOGUE["job-search"], demo_input=None)
    workload = Workload({**CATALOGUE, "job-search": search}, _never, lambda: True)
    assert "job-search" not in {workload.next()[0] for _ in range(20)}
    with pytest.raises(ValueError, match="no operation says how"):
        Workload({"job-search": search}, _never, lambda: True)


async def _never(name: str, payload: dict[str, Any]) -> None:
    raise AssertionError(f"{name} was started with {payload}")


class Started:
    """Takes what a workload starts; `refuse` has every start fail."""

    def __init__(self, *, refuse: bool = False) -> None:
        self.names: list[str] = []
        self._refuse = refuse

    async def __call__(self, name: str, _payload: dict[str, Any]) -> None:
        self.names.append(name)
        if self._refuse:
            raise RuntimeError("refused")


@asynccontextmanager
async def at_work(workload: Workload) -> AsyncIterator[None]:
    task = asyncio.create_task(workload.run())
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_the_workload_survives_a_start_that_fails() -> None:
    started = Started(refuse=True)
    async with at_work(Workload(CATALOGUE, started, lambda: True, pause_s=(0.001, 0.001), look_s=0.0)):
        await eventually_async(lambda: len(started.names) >= 3)
    assert started.names[:3] == (3 * STARTABLE)[:3]


async def test_nothing_is_started_while_nobody_looks() -> None:
    looks: list[int] = []
    watched = [False]

    def is_watched() -> bool:
        looks.append(1)
        return watched[0]

    started = Started()
    async with at_work(Workload(CATALOGUE, started, is_watched, pause_s=(0.001, 0.001), look_s=0.0)):
        await eventually_async(lambda: len(looks) > 50)
        assert started.names == []
        watched[0] = True
        await eventually_async(lambda: bool(started.names))


async def test_who_comes_in_a_pause_sees_something_begin_at_once_and_who_stays_does_not() -> None:
    looks: list[int] = []
    watched = [True]

    def is_watched() -> bool:
        looks.append(1)
        return watched[0]

    async def looked(times: int) -> None:
        seen = len(looks)
        await eventually_async(lambda: len(looks) > seen + times)

    started = Started()
    workload = Workload(CATALOGUE, started, is_watched, pause_s=(3_600.0, 3_600.0), look_s=0.0, away_s=0.0)
    async with at_work(workload):
        await looked(50)
        assert len(started.names) == 1
        watched[0] = False
        await looked(50)
        assert len(started.names) == 1
        watched[0] = True
        await eventually_async(lambda: len(started.names) == 2)
        await looked(50)
        assert len(started.names) == 2


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("[[demo-error 429]]", Refusal(429)),
        ("[[demo-error 429 openai after=2.5 times=3]]", Refusal(429, "2.5", 3)),
        ("[[demo-error 529 after=7]]", Refusal(529, "7")),
        ("[[demo-error 500 times=1]]", Refusal(500, None, 1)),
        ("[[demo-error 429 anthropic after=2]]", None),
        ("[[demo-error 429 times=1 after=2]]", None),
        ("[[demo-error 429 after=-2]]", None),
        ("[[demo-error 200]]", None),
    ],
)
def test_a_request_says_when_to_come_again_and_how_often_it_fails(text: str, refusal: Refusal | None) -> None:
    assert requested_refusal("openai", f"Hello {text}") == refusal


@pytest.mark.parametrize("header", ["²", "4²9", "", "a lot", "-429", "99999999999"])
def test_a_header_that_is_no_status_asks_for_nothing(header: str) -> None:
    assert requested_status("openai", "Hello", header=header) is None

"""The demo world's content is plausible, and the same for the same seed."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from spantail_service.demo.answers import answer, vector
from spantail_service.demo.corpus import make_jobs
from spantail_service.demo.faults import requested_status, seeded
from spantail_service.demo.job_board import find
from spantail_service.demo.workload import Workload
from spantail_service.operations.annotations import passages
from spantail_service.operations.annotations import prompts as annotation_prompts
from spantail_service.operations.catalogue import CATALOGUE
from spantail_service.operations.job_search import prompts
from spantail_service.operations.sources.himalayas import read_job


def test_every_prompt_of_the_operations_gets_an_answer_that_can_be_read() -> None:
    job = read_job(make_jobs(1)[0])
    assert job is not None
    score = prompts.score(job, ["python developer"], [])[1]["content"]
    assert 0 <= prompts.read_score(answer(score, seeded(1))).score <= 100
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


def test_the_workload_starts_what_the_catalogue_has() -> None:
    workload = Workload(_never, seed=5)
    started = [workload.next() for _ in range(24)]
    for name, payload in started:
        CATALOGUE[name].input_model.model_validate(payload)
    assert Counter(name for name, _ in started) == {"job-search": 12, "generate-annotations": 12}
    assert started == [again.next() for again in [Workload(_never, seed=5)] for _ in range(24)]


async def _never(name: str, payload: dict[str, Any]) -> None:
    raise AssertionError(f"{name} was started with {payload}")


async def test_the_workload_survives_a_start_that_fails() -> None:
    calls: list[str] = []

    class StoppedError(BaseException):
        pass

    async def start(name: str, payload: dict[str, Any]) -> None:
        calls.append(name)
        if len(calls) == 3:
            raise StoppedError
        raise RuntimeError("refused")

    with pytest.raises(StoppedError):
        await Workload(start, pause_s=(0.0, 0.0)).run()
    assert calls == ["job-search", "generate-annotations", "job-search"]

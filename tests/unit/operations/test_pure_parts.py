"""Ranking, passages, memory: what needs no outside world."""

from __future__ import annotations

from spantail_service.operations.annotations import passages
from spantail_service.operations.cache import TtlCache
from spantail_service.operations.job_search.ranking import ScoredJob, Seen, rank
from spantail_service.operations.scoring import Score
from spantail_service.operations.sources import JobPosting


def job(number: int, *, company: str = "Acme", skills: tuple[str, ...] = ()) -> JobPosting:
    return JobPosting(f"id-{number}", "s", f"Developer {number}", company, "L", "u", "Text.", skills)


def scored(number: int, points: int | None, skills: tuple[str, ...] = ()) -> ScoredJob:
    score = None if points is None else Score(score=points, reason="because")
    return ScoredJob(job(number, skills=skills), score, None)


def test_rank_by_score_then_skills_and_unscored_last() -> None:
    jobs = [scored(1, 50), scored(2, None), scored(3, 80), scored(4, 50, ("Testing",)), scored(5, 0)]
    ranked = [each.job.id for each in rank(jobs, ["testing"], 10)]
    assert ranked == ["id-3", "id-4", "id-1", "id-5", "id-2"]
    assert rank(jobs, [], 2) == [jobs[2], jobs[3]]


def test_the_same_job_from_two_sources_is_seen_once() -> None:
    seen = Seen()
    assert seen.is_new(job(1))
    assert not seen.is_new(job(1))
    assert not seen.is_new(JobPosting("other-id", "t", "developer  1", "ACME", "L", "u", ""))
    assert seen.is_new(job(1, company="Other")) is False  # the same id
    assert seen.is_new(JobPosting("third", "t", "Developer 1", "Other", "L", "u", ""))


def test_passages_keep_sentences_whole() -> None:
    text = "One sentence here. Another one there.\n\nA new paragraph, " + "long " * 100 + "."
    parts = passages.split(text, size=40)
    assert parts[0] == "One sentence here. Another one there."
    assert all(passages.contains(text, part) for part in parts[:1])
    assert len(passages.split("A sentence of some length, really. " * 1_000)) == passages.MAX_PASSAGES
    assert passages.split("") == []


def test_assignment_takes_turns_and_reuses_when_all_are_taken() -> None:
    similarity = [[0.9, 0.1], [0.8, 0.2]]
    assert passages.assign(similarity, 3) == [(0, 0, 0.9), (1, 1, 0.2), (0, 0, 0.9)]
    assert passages.assign([], 3) == []


def test_similarity() -> None:
    assert passages.cosine([1, 0], [1, 0]) == 1
    assert passages.cosine([1, 0], [0, 1]) == 0
    assert passages.cosine([0, 0], [1, 1]) == 0
    assert passages.overlap("build things", "Build, ship") > passages.overlap("build things", "sleep")


def test_a_quote_is_found_whatever_its_spacing() -> None:
    assert passages.contains("You will  build\nthings.", "“will build things”")
    assert not passages.contains("You will build things.", "will break things")
    assert not passages.contains("text", "  ")


def test_cached_values_expire_and_are_bounded() -> None:
    now = [0.0]
    cache: TtlCache[int] = TtlCache(ttl_s=10, size=2, clock=lambda: now[0])
    cache.put("a", 1)
    cache.put("b", 2)
    assert cache.get("a") == 1  # used: "b" is now the oldest
    cache.put("c", 3)
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == (1, None, 3)
    now[0] = 10.0
    assert cache.get("a") is None
    assert len(cache) == 1

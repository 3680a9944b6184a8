"""Annotations for a job: the passages that matter, found by embeddings, each commented by an LLM."""

from __future__ import annotations

import itertools
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spantail import Scope, event, layer, phase
from spantail_service.bounds.concurrency import together
from spantail_service.llm import BackendError, ChainError
from spantail_service.operations.annotations import passages, prompts
from spantail_service.operations.annotations.input import AnnotationInput, AnnotationKind
from spantail_service.operations.asking import Asking, usd_or_none
from spantail_service.operations.base import Operation, OperationError, Result, Tools, subject_of, work_on
from spantail_service.operations.job_lookup import find_job

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from spantail_service.operations.sources import JobPosting

logger = logging.getLogger(__name__)


_TASKS = {
    AnnotationKind.STRENGTH: "what an applicant should put forward to meet this",
    AnnotationKind.GAP: "a demand that many applicants will not meet, and how to answer it",
    AnnotationKind.KEYWORD: "the words of this passage that belong into a CV",
    AnnotationKind.QUESTION: "a question to expect in the interview because of this",
}
_PROBES = {
    AnnotationKind.STRENGTH: "You will own, lead, build and improve; responsibilities and impact.",
    AnnotationKind.GAP: "Required years of experience, degree, certification; must have, mandatory.",
    AnnotationKind.KEYWORD: "Technologies, tools, languages, frameworks and methods.",
    AnnotationKind.QUESTION: "How the team works, collaborates, decides and is measured.",
}

_GONE = 1 / 6
_GONE_JOB = "a-job-that-was-taken-down-1000000000"


@dataclass(frozen=True, slots=True)
class _Draft:
    kind: AnnotationKind
    passage: str
    annotation: prompts.Annotation
    backend: str


async def annotate_job(request: AnnotationInput, tools: Tools) -> Result:
    """The annotations that passed their check.

    Raises:
        OperationError: The job is unknown, or no annotation could be written.
    """
    return await _Annotating(request, tools).run()


def _demo_input(rng: Random, job_ids: Sequence[str]) -> dict[str, Any]:
    # The demo shall have failed runs too: now and then the job is gone.
    gone = rng.random() < _GONE
    return {"job_id": _GONE_JOB if gone else rng.choice(job_ids), "count": rng.randint(4, 8)}


ANNOTATIONS = Operation(
    name="generate-annotations",
    title="generate annotations",
    description="Finds the passages of a job that matter and has an LLM comment each of them.",
    input_model=AnnotationInput,
    layers=("load", "embed", "annotate", "validate"),
    work=work_on(AnnotationInput, annotate_job),
    subject=subject_of(AnnotationInput, lambda request: request.job_id),
    demo_input=_demo_input,
)


class _Annotating:
    """One run."""

    def __init__(self, request: AnnotationInput, tools: Tools) -> None:
        self._request = request
        self._tools = tools
        self._kinds = list(dict.fromkeys(request.kinds))
        self._drafts: dict[int, _Draft] = {}
        self._asking = Asking(tools.llm)

    async def run(self) -> Result:
        wanted = self._request.count
        event("annotation_start", job_id=self._request.job_id, count=wanted, kinds=[kind.value for kind in self._kinds])
        job = await self._load()
        texts, pairs = await self._embed(job)
        await self._annotate(job, texts, pairs)
        kept, rejected = self._validate(job)
        event(
            "annotation_complete",
            job_id=job.id,
            annotations=len(kept),
            rejected=rejected,
            missing=wanted - len(self._drafts),
        )
        return {
            "job": {"id": job.id, "title": job.title, "company": job.company, "url": job.url},
            "annotations": kept,
            "rejected": rejected,
            "warnings": self._asking.warnings,
        }

    async def _load(self) -> JobPosting:
        with layer("load") as stage:
            job = await find_job(self._request.job_id, self._tools, stage, self._asking.warn)
            stage.progress(1, 1, job.title)
            logger.info("annotating %s at %s", job.title, job.company)
            return job

    async def _embed(self, job: JobPosting) -> tuple[list[str], list[tuple[int, int, float]]]:
        """The job's passages, and which one each annotation is about."""
        with layer("embed") as stage:
            texts = passages.split(job.description) or [job.title]
            probes = [_PROBES[kind] for kind in self._kinds]
            method = "embeddings"
            try:
                vectors, wanted = await together(self._tools.embedder.embed(texts), self._tools.embedder.embed(probes))
                similarity = [[passages.cosine(want, vector) for vector in vectors] for want in wanted]
            except BackendError as error:
                # Shared words find worse passages than embeddings do, but they do find some.
                method = "words"
                self._asking.warn(f"passages are matched by words, embeddings failed, {error.reason}: {error}")
                similarity = [[passages.overlap(probe, text) for text in texts] for probe in probes]
            stage.event("decision_point", decision="match passages", method=method, passages=len(texts))
            stage.progress(len(texts), len(texts), f"{len(texts)} passages")
            return texts, passages.assign(similarity, self._request.count)

    async def _annotate(self, job: JobPosting, texts: Sequence[str], pairs: Sequence[tuple[int, int, float]]) -> None:
        with layer("annotate") as stage:
            stage.progress(0, len(pairs))
            left = list(enumerate(pairs, start=1))
            done = itertools.count(1)

            async def work() -> None:
                while left:
                    number, (kind, passage, similarity) = left.pop(0)
                    await self._write(stage, number, job, self._kinds[kind], (passage, texts[passage], similarity))
                    stage.progress(next(done), len(pairs))

            await together(*(work() for _ in range(min(self._asking.concurrency, len(pairs)))))
            if not self._drafts:
                raise OperationError(f"no annotation could be written: {self._asking.warnings[-1]}")

    async def _write(
        self, stage: Scope, number: int, job: JobPosting, kind: AnnotationKind, chosen: tuple[int, str, float]
    ) -> None:
        passage, text, similarity = chosen
        try:
            with phase(f"annotation {number}", attributes={"spantail.annotation.kind": kind.value}) as step:
                step.event("decision_point", decision="passage", passage=passage + 1, similarity=round(similarity, 4))
                answer = await self._asking.ask(
                    prompts.annotate(job, kind.value, _TASKS[kind], text),
                    prompts.read_annotation,
                    name=f"write {kind.value}",
                    tier="high" if kind is AnnotationKind.GAP else "middle",
                )
        except ChainError as error:
            self._asking.warn(f"annotation {number} is missing: {error}")
            stage.event("annotation_error", annotation=number, kind=kind.value, cost_usd=usd_or_none(error.cost_nano))
        else:
            self._drafts[number] = _Draft(kind, text, answer.value, answer.backend)
            stage.event(
                "annotation_written",
                annotation=number,
                kind=kind.value,
                cost_usd=usd_or_none(answer.cost_nano),
                backend=answer.backend,
            )
            logger.info("annotation %d (%s) written by %s", number, kind.value, answer.backend)

    def _validate(self, job: JobPosting) -> tuple[list[dict[str, Any]], int]:
        with layer("validate") as stage:
            kept: list[dict[str, Any]] = []
            texts: set[str] = set()
            for number, draft in sorted(self._drafts.items()):
                fault = _fault(draft, texts)
                _report(stage, number, fault)
                if fault is None:
                    texts.add(draft.annotation.text)
                    kept.append(
                        {
                            "kind": draft.kind.value,
                            "text": draft.annotation.text,
                            "quote": draft.annotation.quote,
                            "backend": draft.backend,
                        }
                    )
            stage.progress(len(self._drafts), len(self._drafts), f"{len(kept)} kept")
            logger.info("%d of %d annotations kept for %s", len(kept), self._request.count, job.id)
            return kept, len(self._drafts) - len(kept)


def _fault(draft: _Draft, texts: set[str]) -> str | None:
    """Why an annotation cannot be used, or None."""
    if not passages.contains(draft.passage, draft.annotation.quote):
        return "the quote is not in the passage"
    if draft.annotation.text in texts:
        return "it repeats another one"
    return None


def _report(stage: Scope, number: int, fault: str | None) -> None:
    if fault is None:
        stage.event("validation_result", annotation=number, valid=True)
        return
    stage.event("validation_result", annotation=number, valid=False, reason=fault)
    logger.warning("annotation %d is rejected: %s", number, fault)

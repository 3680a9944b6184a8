"""CV pipeline: from a CV and a posting to a document that passed its checks.

Seven layers, one after the other. What costs nothing and may fail comes first; what the LLM read or wrote is believed
only where it stands in the CV; what a check rejects is repaired, or left out.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from spantail import layer, pipeline
from spantail_service.operations.asking import Asking
from spantail_service.operations.base import Operation, Result, Tools, subject_of, work_on
from spantail_service.operations.cv_pipeline import sample
from spantail_service.operations.cv_pipeline.checks import Criteria
from spantail_service.operations.cv_pipeline.input import CvPipelineInput
from spantail_service.operations.cv_pipeline.parsing import parse
from spantail_service.operations.cv_pipeline.planning import plan
from spantail_service.operations.cv_pipeline.posting import analyse, load
from spantail_service.operations.cv_pipeline.validating import validate
from spantail_service.operations.cv_pipeline.writing import write

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from spantail_service.operations.cv_pipeline.parsing import Cv
    from spantail_service.operations.cv_pipeline.planning import Plan
    from spantail_service.operations.cv_pipeline.posting import Posting
    from spantail_service.operations.cv_pipeline.validating import Checked

logger = logging.getLogger(__name__)

_OWN_POSTING = 0.5  # the share of the demo's runs that are about the sample posting


async def tailor_cv(request: CvPipelineInput, tools: Tools) -> Result:
    """The document in Markdown; what was checked, repaired and left out; and what it cost.

    Raises:
        OperationError: CV or posting cannot be read, or nothing of what was written passes the checks.
        SourceUnavailableError: No search found the job, and the board cannot be read.
        ChainError: No backend answered where nothing can be done without an answer.
    """
    asking = Asking(tools.llm)
    with pipeline("tailor CV"):
        found = await load(request, tools, asking)
        cv = await parse(request.cv, asking)
        posting = await analyse(found, asking)
        chosen = await plan(cv, posting, asking)
        draft = await write(cv, posting, chosen, asking)
        criteria = _criteria(cv, posting, chosen, request.max_words)
        checked = await validate(draft, criteria, asking, max_repairs=request.max_repairs)
        return _assemble(checked, posting, asking)


def _demo_input(rng: Random, job_ids: Sequence[str]) -> dict[str, Any]:
    posting = {"posting": sample.POSTING} if rng.random() < _OWN_POSTING else {"job_id": rng.choice(job_ids)}
    return {"cv": sample.CV, **posting}


CV_PIPELINE = Operation(
    name="cv-pipeline",
    title="CV pipeline",
    description="Tailors a CV to a job: an LLM writes, and code checks that nothing is invented.",
    input_model=CvPipelineInput,
    layers=("load", "parse", "analyse", "plan", "write", "validate", "assemble"),
    work=work_on(CvPipelineInput, tailor_cv),
    subject=subject_of(
        CvPipelineInput, lambda request: request.job_id or (request.posting or "").partition("\n")[0].strip("# ")
    ),
    demo_input=_demo_input,
)


def _criteria(cv: Cv, posting: Posting, chosen: Plan, max_words: int) -> Criteria:
    return Criteria(
        cv=cv.text.body,
        sources=cv.sources,
        posting_names=(posting.title, posting.company),
        keywords=chosen.keywords,
        max_words=max_words,
    )


def _assemble(checked: Checked, posting: Posting, asking: Asking) -> Result:
    with layer("assemble") as stage:
        draft = checked.draft
        stage.progress(1, 1, f"{draft.words} words")
        logger.info(
            "%d words for %s, %d repairs, %d left out",
            draft.words, posting.title, len(checked.repairs), len(checked.left_out),
        )  # fmt: skip
        return {
            "job": {"id": posting.job_id, "title": posting.title, "company": posting.company},
            "document": draft.markdown(),
            "words": draft.words,
            "checks": checked.checks,
            "repairs": checked.repairs,
            "left_out": checked.left_out,
            "cost": asking.cost,
            "warnings": asking.warnings,
        }

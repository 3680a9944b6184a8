"""What a CV pipeline is asked for."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

MAX_CV = 30_000
MAX_POSTING = 20_000
_TEXT = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"


class CvPipelineInput(BaseModel):
    """Which CV to tailor, and to what."""

    model_config = ConfigDict(extra="forbid", frozen=True, title="CV pipeline")

    cv: Annotated[str, StringConstraints(strip_whitespace=True)] = Field(
        min_length=50,
        max_length=MAX_CV,
        pattern=_TEXT,
        title="CV",
        description="The whole CV in Markdown: a heading with the name, then a section for each subject.",
        examples=["# Ada Example\n\n## Experience\n\n### Engineer, Acme, 2019–2024\n\n- Built the billing service"],
    )
    job_id: Annotated[str, StringConstraints(max_length=64, pattern=r"^[A-Za-z0-9_-]+$")] | None = Field(
        default=None, title="Job", description="A job's id, from a job search. This, or the posting's text."
    )
    posting: Annotated[str, StringConstraints(strip_whitespace=True, min_length=50)] | None = Field(
        default=None,
        max_length=MAX_POSTING,
        pattern=_TEXT,
        title="Posting",
        description="The posting's text, where no search found the job.",
    )
    max_words: int = Field(default=600, ge=150, le=2_000, title="Words", description="How long the result may be.")
    max_repairs: int = Field(
        default=2, ge=0, le=5, title="Repairs", description="How often the LLM may mend what a check rejects."
    )

    @model_validator(mode="after")
    def _one_posting(self) -> Self:
        if (self.job_id is None) == (self.posting is None):
            raise ValueError("either job_id or posting is wanted, not both")
        return self

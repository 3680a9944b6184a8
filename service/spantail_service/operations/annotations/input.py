"""What annotations are asked for."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class AnnotationKind(StrEnum):
    """What an annotation is for."""

    STRENGTH = "strength"
    GAP = "gap"
    KEYWORD = "keyword"
    QUESTION = "question"


class AnnotationInput(BaseModel):
    """Which job to annotate, and how."""

    model_config = ConfigDict(extra="forbid", frozen=True, title="Annotation generation")

    job_id: Annotated[
        str,
        Field(
            min_length=1,
            max_length=64,
            pattern=r"^[A-Za-z0-9_-]+$",
            title="Job",
            description="A job's id, from a job search.",
            json_schema_extra={"x-in": "path"},
        ),
    ]
    kinds: list[AnnotationKind] = Field(
        default_factory=lambda: list(AnnotationKind),
        min_length=1,
        max_length=len(AnnotationKind),
        title="Kinds",
        description="What the annotations are for.",
    )
    count: int = Field(default=6, ge=1, le=20, title="Annotations", description="How many annotations to write.")

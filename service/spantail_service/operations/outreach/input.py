"""What a message to a contact is asked for."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

MAX_ABOUT = 4_000
MAX_INDEX = 9


class ContactType(StrEnum):
    """Who is written to."""

    HIRING_MANAGER = "hiring_manager"
    RECRUITER = "recruiter"
    PEER = "peer"


class Channel(StrEnum):
    """How the message is sent, which decides how long it may be."""

    EMAIL = "email"
    LINKEDIN = "linkedin"


class OutreachInput(BaseModel):
    """Whom to write to about which job."""

    model_config = ConfigDict(extra="forbid", frozen=True, title="Contact outreach")

    job_id: Annotated[
        str,
        Field(
            min_length=1,
            max_length=64,
            pattern=r"^[A-Za-z0-9_-]+$",
            title="Job",
            description="A job's id, from a job search.",
        ),
    ]
    type: ContactType = Field(default=ContactType.HIRING_MANAGER, title="Contact", description="What the contact does.")
    index: int = Field(
        default=0, ge=0, le=MAX_INDEX, title="Which", description="Which of the job's contacts of this kind, from 0."
    )
    channel: Channel = Field(default=Channel.EMAIL, title="Channel", description="How the message is sent.")
    about: Annotated[str, StringConstraints(strip_whitespace=True)] = Field(
        default="",
        max_length=MAX_ABOUT,
        pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$",
        title="About you",
        description="What the message may say of you; without it, it says nothing of you.",
    )

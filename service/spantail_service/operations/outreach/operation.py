"""Contact outreach: a message to a contact of a job. Its text goes to the caller while the LLM writes it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from spantail import Scope, event, layer
from spantail_service.llm import Restart
from spantail_service.operations.asking import Asking
from spantail_service.operations.base import Operation, OperationError, Result, Tools, subject_of, work_on
from spantail_service.operations.job_lookup import find_job
from spantail_service.operations.outreach import prompts
from spantail_service.operations.outreach.contacts import Contact, contacts_of
from spantail_service.operations.outreach.input import Channel, ContactType, OutreachInput

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from spantail_service.llm import Answer, OnText
    from spantail_service.operations.sources import JobPosting

logger = logging.getLogger(__name__)

_EACH = 200
"""After so many further characters the run is told how far the text is."""
_DEMO_ABOUT: Final = (
    "",
    "I have run the services of a small shop for five years.",
    "I write documents that people read to the end, and I keep the tests green.",
)


async def write_to_contact(request: OutreachInput, tools: Tools) -> Result:
    """The message, to whom it is, what was checked, and what it cost.

    Raises:
        OperationError: The job is unknown, or has no such contact.
        SourceUnavailableError: No search found the job, and the board cannot be read.
        ChainError: No backend wrote a message that can be sent.
    """
    asking = Asking(tools.llm)
    event("outreach_start", job_id=request.job_id, type=request.type.value, index=request.index)
    with layer("load") as stage:
        job = await find_job(request.job_id, tools, stage, asking.warn)
        stage.progress(1, 1, job.title)
    contact = _choose(request, job)
    answer = await _write(request, job, contact, asking, tools.on_text)
    checks = _check(request, job, answer.value, asking)
    event(
        "outreach_complete",
        job_id=job.id,
        characters=len(answer.value),
        backend=answer.backend,
        cost_usd=asking.cost["usd"],
    )
    return {
        "job": {"id": job.id, "title": job.title, "company": job.company},
        "contact": {
            "type": request.type.value,
            "index": request.index,
            "role": contact.role,
            "name": contact.name or None,
            "from_posting": contact.from_posting,
        },
        "channel": request.channel.value,
        "message": answer.value,
        "backend": answer.backend,
        "checks": checks,
        "cost": asking.cost,
        "warnings": asking.warnings,
    }


def _demo_input(rng: Random, job_ids: Sequence[str]) -> dict[str, Any]:
    return {
        "job_id": rng.choice(job_ids),
        "type": rng.choice(list(ContactType)).value,
        "channel": rng.choice(list(Channel)).value,
        "about": rng.choice(_DEMO_ABOUT),
    }


OUTREACH = Operation(
    name="contact-outreach",
    title="contact outreach",
    description="Has an LLM write to a contact of a job; the text streams to the caller while it is written.",
    input_model=OutreachInput,
    layers=("load", "contacts", "write", "check"),
    work=work_on(OutreachInput, write_to_contact),
    subject=subject_of(OutreachInput, lambda request: f"{request.type.value} {request.index}, {request.job_id}"),
    demo_input=_demo_input,
)


def _choose(request: OutreachInput, job: JobPosting) -> Contact:
    with layer("contacts") as stage:
        found = contacts_of(job, request.type)
        stage.progress(len(found), len(found), f"contacts of type {request.type.value}")
        if request.index >= len(found):
            raise OperationError(
                f"job {job.id} has no contact number {request.index} of type {request.type.value}: "
                f"there are {len(found)}, counted from 0"
            )
        contact = found[request.index]
        stage.event(
            "decision_point",
            decision="contact",
            chosen=contact.role,
            reason="the posting speaks of them" if contact.from_posting else "such a job has one",
        )
        return contact


async def _write(
    request: OutreachInput, job: JobPosting, contact: Contact, asking: Asking, on_text: OnText | None
) -> Answer[str]:
    with layer("write") as stage:
        answer = await asking.ask(
            prompts.write(request, job, contact),
            prompts.reader_of(request.channel),
            name="write message",
            tier="high",
            max_tokens=600,
            on_text=_Passing(stage, on_text),
        )
        logger.info("message to %s written by %s", contact.role, answer.backend)
        return answer


class _Passing:
    """Passes the text on to the caller, and tells the run now and then how far it is."""

    def __init__(self, stage: Scope, on_text: OnText | None) -> None:
        self._stage = stage
        self._on_text = on_text
        self._characters = 0
        self._next = 0

    def __call__(self, text: str | Restart) -> None:
        if self._on_text is not None:
            self._on_text(text)
        if isinstance(text, Restart):
            self._stage.event("outreach_restart", void=self._characters, reason=text.reason)
            self._characters = self._next = 0
            return
        self._characters += len(text)
        if self._characters >= self._next:
            self._next = self._characters + _EACH
            self._stage.event("outreach_text", characters=self._characters)


def _check(request: OutreachInput, job: JobPosting, message: str, asking: Asking) -> list[dict[str, object]]:
    """What is wrong with the message for a reader; it stays as it is, because its text has been shown already."""
    with layer("check") as stage:
        words, most = len(message.split()), prompts.MAX_WORDS[request.channel]
        results = {
            "length": None if words <= most else f"it has {words} words, {most} were asked for",
            "company": None if job.company.casefold() in message.casefold() else f"it does not name {job.company}",
            "question": None if "?" in message else "it asks nothing",
        }
        for rule, reason in results.items():
            stage.event("validation_result", rule=rule, valid=reason is None, reason=reason)
            if reason is not None:
                asking.warn(f"the message may need a hand: {reason}")
        stage.progress(sum(reason is None for reason in results.values()), len(results), "checks passed")
        return [{"rule": rule, "valid": reason is None, "reason": reason} for rule, reason in results.items()]

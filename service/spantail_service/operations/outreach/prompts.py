"""What outreach asks the LLM, and how the answer is read (pure). The answer is the message itself, not JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from spantail_service.operations.outreach.input import Channel
from spantail_service.operations.placeholders import placeholders
from spantail_service.operations.prompting import fenced, one_line, text_question

if TYPE_CHECKING:
    from collections.abc import Callable

    from spantail_service.llm import Message
    from spantail_service.operations.outreach.contacts import Contact
    from spantail_service.operations.outreach.input import OutreachInput
    from spantail_service.operations.sources import JobPosting

MAX_WORDS: Final = {Channel.EMAIL: 180, Channel.LINKEDIN: 80}
_DESCRIPTION: Final = 2_500  # characters of a job's description that the LLM is given
_TOO_LONG: Final = 2  # times the words that were asked for


def write(request: OutreachInput, job: JobPosting, contact: Contact) -> list[Message]:
    """Ask for the message."""
    lines = (
        f"Title: {one_line(job.title)}",
        f"Company: {one_line(job.company)}",
        f"Description: {job.description[:_DESCRIPTION]}",
    )
    about = [fenced("about", request.about)] if request.about else ["Say nothing about the writer's past."]
    return text_question(
        "write-outreach",
        [
            f"Channel: {request.channel.value}",
            f"To: {one_line(contact.address)}",
            fenced("job", "\n".join(lines)),
            *about,
            "Say of the writer only what stands between the tags. Leave nothing to be filled in; sign with no name.",
        ],
        f"the message, at most {MAX_WORDS[request.channel]} words, which names the company and asks one question",
    )


def reader_of(channel: Channel) -> Callable[[str], str]:
    """Reads the answer to `write`; it raises `ValueError` for a message that nobody could send."""

    def read(text: str) -> str:
        message = text.strip()
        words = len(message.split())
        if not message:
            raise ValueError("the message is empty")
        if words > _TOO_LONG * MAX_WORDS[channel]:
            raise ValueError(f"the message has {words} words, {MAX_WORDS[channel]} were asked for")
        if placeholders(message):
            raise ValueError("the message has a placeholder that is to be filled in")
        return message

    return read

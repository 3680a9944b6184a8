"""What annotations ask the LLM, and how the answers are read (pure)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spantail_service.operations.prompting import Reply, Sentence, fenced, one_line, question, read_reply

if TYPE_CHECKING:
    from spantail_service.llm import Message
    from spantail_service.operations.sources import JobPosting


class Annotation(Reply):
    """One remark on one passage."""

    text: Sentence
    quote: Sentence


def annotate(job: JobPosting, kind: str, task: str, passage: str) -> list[Message]:
    """Ask for one annotation of a passage."""
    return question(
        "annotate-passage",
        [
            f"Kind: {kind} ({task})",
            f"Job: {one_line(job.title)} at {one_line(job.company)}",
            fenced("passage", passage),
        ],
        '{"text": "the annotation, one or two sentences", "quote": "words of the passage, verbatim"}',
    )


def read_annotation(text: str) -> Annotation:
    """Read the answer to `annotate`.

    Raises:
        ValueError: The answer has another form. The message does not repeat it.
    """
    return read_reply(text, Annotation)

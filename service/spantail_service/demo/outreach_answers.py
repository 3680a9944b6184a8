"""What the demo provider answers to contact outreach: a message in plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from spantail_service.demo.prompts import between, field

if TYPE_CHECKING:
    import random

_OPENINGS: Final = (
    "I read about the opening for {title} at {company}, and it is the kind of work that I look for.",
    "{company} is looking for somebody as {title}; what the posting says of the work made me write at once.",
    "The posting for {title} at {company} describes what I would like to do next.",
)
_QUESTIONS: Final = (
    "What would you want the new person to have done after three months?",
    "Which part of the work waits most for somebody to take it up?",
    "Would you have a quarter of an hour this week to tell me how the team works?",
)

_SENTENCE: Final = 40  # characters that no heading has


def outreach(prompt: str, rng: random.Random) -> str:
    """The message."""
    title, company = field(prompt, "Title") or "this job", field(prompt, "Company") or "your company"
    name = field(prompt, "To").partition(",")[0] if "," in field(prompt, "To") else ""
    about = " ".join(between(prompt, "about").split())
    parts = [
        f"Hello {name}," if name else "Hello,",
        rng.choice(_OPENINGS).format(title=title, company=company),
        *([f"A word about me: {' '.join(about.split()[:40])}"] if about else []),
        *([] if field(prompt, "Channel") == "linkedin" else [_work(prompt)]),
        rng.choice(_QUESTIONS),
        "Kind regards",
    ]
    return "\n\n".join(part for part in parts if part)


def _work(prompt: str) -> str:
    """A sentence of the posting, as somebody takes it up who has read it."""
    long_lines = [line for line in between(prompt, "job").splitlines()[2:] if len(line) > _SENTENCE]
    first = long_lines[0].partition(": ")[2] or long_lines[0] if long_lines else ""
    return f"What I took from the posting: “{first.partition('. ')[0].rstrip('.')}”." if first else ""

"""What the demo provider answers: plausible content for the prompts of the operations, by seed and prompt."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from spantail_service.demo.cv_answers import CV_WRITERS
from spantail_service.demo.outreach_answers import outreach
from spantail_service.demo.prompts import between, field

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

_TASK = re.compile(r"^Task: ([a-z-]+)$", re.MULTILINE)
_RELATED = {
    "developer": ["software engineer", "backend engineer"],
    "engineer": ["software developer", "platform engineer"],
    "data": ["data analyst", "analytics engineer"],
    "designer": ["product designer", "ux researcher"],
    "manager": ["program manager", "product owner"],
    "writer": ["technical writer", "content strategist"],
    "nurse": ["care coordinator", "clinical specialist"],
    "support": ["customer success manager", "support engineer"],
}
_DEMANDS = ["communication", "ownership", "testing", "English", "documentation", "mentoring"]
_FITS = [
    "The work described is what the search asks for",
    "Title and duties fit, the seniority is a step off",
    "The field fits, the daily work only in part",
    "It shares tools with the search but not its purpose",
]
_MISQUOTED = 0.08
_REMARKS = {
    "strength": "Name a project in which you did exactly this, and what changed because of it.",
    "gap": "Few applicants bring all of it; say which part you have and how you would learn the rest.",
    "keyword": "Use these words in your CV as they stand here; a filter will look for them.",
    "question": "Expect to be asked for an example; prepare one with numbers.",
}


def answer(prompt: str, rng: random.Random) -> str:
    """The text of an answer to `prompt`; the same for the same randomness."""
    found = _TASK.search(prompt)
    write = _WRITERS.get(found.group(1)) if found else None
    if write is None:
        return f"This is the demo provider: it read {len(prompt.split())} words and has nothing to add."
    written = write(prompt, rng)
    return written if isinstance(written, str) else json.dumps(written, ensure_ascii=False)


def count_tokens(text: str) -> int:
    """Roughly what a tokenizer would count."""
    return max(1, round(len(text) / 4)) if text else 0


def vector(text: str, dimensions: int, rng: Callable[[str], random.Random]) -> list[float]:
    """An embedding in which texts with common words are near each other: the sum of their words' own."""
    total = [0.0] * dimensions
    for word in set(re.findall(r"\w+", text.lower())) or {""}:
        own = rng(word)
        total = [value + own.gauss(0, 1) for value in total]
    length = sum(value * value for value in total) ** 0.5 or 1.0
    return [value / length for value in total]


def _expand(prompt: str, rng: random.Random) -> dict[str, object]:
    titles = field(prompt, "Titles").lower()
    known = [related for word, related in _RELATED.items() if word in titles]
    candidates = [title for title in (known[0] if known else []) if title not in titles]
    return {"related_titles": candidates[:2], "must_have": rng.sample(_DEMANDS, 3)}


def _score(prompt: str, rng: random.Random) -> dict[str, object]:
    wanted = _words(field(prompt, "Wanted titles"))
    title = _words(field(prompt, "Title"))
    share = len(wanted & title) / len(wanted) if wanted else 0.0
    points = max(3, min(98, round(35 + 50 * share + rng.gauss(0, 8))))
    skills = [skill.strip() for skill in field(prompt, "Skills").split(",") if skill.strip()]
    matched = rng.sample(skills, min(len(skills), rng.randint(1, 3))) if skills else []
    company = field(prompt, "Company") or "the company"
    fit = _FITS[min(3, (100 - points) // 22)]
    return {
        "score": points,
        "reason": f"{fit}; {company} asks for {', '.join(matched) or 'little'}.",
        "matched": matched,
        "missing": rng.sample(_DEMANDS, 1),
    }


def _summarise(prompt: str, rng: random.Random) -> dict[str, object]:
    lines = between(prompt, "shortlist").splitlines()
    first = lines[0].partition(":")[0].partition(" ")[2] if lines else "No job"
    lead = rng.choice(["stands out", "fits best", "comes first"])
    others = max(0, len(lines) - 1)
    return {"summary": f"{first} {lead}. The next {others} are close behind and differ in seniority."}


def _annotate(prompt: str, rng: random.Random) -> dict[str, object]:
    kind = field(prompt, "Kind").partition(" ")[0]
    words = between(prompt, "passage").split()
    length = min(len(words), rng.randint(5, 9))
    start = rng.randint(0, len(words) - length)
    quote = " ".join(words[start : start + length])
    if rng.random() < _MISQUOTED:
        # Models do misquote; the check of the annotations is there for that.
        quote = f"{quote} and more"
    remark = _REMARKS.get(kind, _REMARKS["strength"])
    return {"text": f"On “{' '.join(words[:4])}”: {remark}", "quote": quote}


_WRITERS: dict[str, Callable[[str, random.Random], dict[str, object] | str]] = {
    "expand-search": _expand,
    "score-job": _score,
    "summarise-shortlist": _summarise,
    "annotate-passage": _annotate,
    "write-outreach": outreach,
    **CV_WRITERS,
}


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", text.lower()))

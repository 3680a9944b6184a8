"""What the demo provider answers to the CV pipeline: it copies from what it is given.

At the first position it also claims a figure that no CV has, as models do; asked to correct that, it leaves it out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from spantail_service.demo.prompts import between, field

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping

_YEARS: Final = re.compile(
    r"(?:(?:19|20)\d\d)\s*[-–—]\s*(?:(?:19|20)\d\d|today|present|now|heute)|(?:19|20)\d\d", re.IGNORECASE
)
_HEADING: Final = re.compile(r"^#{2,6}\s+(.*)$")
_BULLET: Final = re.compile(r"^\s*[-*+]\s+(.*)$")
_LEARNING: Final = ("education", "studies", "ausbildung", "studium")
_SKILLS: Final = ("skills", "tools", "kenntnisse")
_CLAIM: Final = "which cut costs by 37 %"
_ASKED: Final = re.compile(r"Working knowledge of (.+?), shown")
_WORDS: Final = (
    "Python", "PostgreSQL", "Kubernetes", "TypeScript", "FastAPI", "Redis", "AWS", "React", "Terraform", "SQL",
    "dbt", "Spark", "Airflow", "Figma", "Roadmaps", "Writing", "SEO", "Communication", "Planning", "Excel",
)  # fmt: skip


def _read_cv(prompt: str, _rng: random.Random) -> dict[str, object]:
    positions: list[dict[str, str]] = []
    degrees: list[dict[str, str]] = []
    skills: list[str] = []
    section = ""
    for line in between(prompt, "cv").splitlines():
        if line.startswith("## "):
            section = line[3:].strip().lower()
        elif section in _SKILLS:
            skills += [skill for part in line.lstrip("-*+ ").split(",") if (skill := part.strip())]
        elif section in _LEARNING:
            if line.strip():
                degrees.append(_entry(line, "degree", "school"))
        elif _HEADING.match(line):
            positions.append(_entry(line, "role", "employer"))
    return {"positions": positions, "degrees": degrees, "skills": skills}


def _analyse_posting(prompt: str, _rng: random.Random) -> dict[str, object]:
    text = between(prompt, "posting")
    title, company = [*text.splitlines(), "", ""][:2]
    found = _ASKED.findall(text) + [word for word in _WORDS if re.search(rf"\b{word}\b", text)]
    return {
        "title": title.lstrip("# ").strip()[:100] or "the job",
        "company": company.strip()[:100],
        "demands": list(dict.fromkeys(found))[:10] or [text.split()[0]],
    }


def _plan(prompt: str, _rng: random.Random) -> dict[str, object]:
    numbers = [int(line.split()[0]) for line in between(prompt, "positions").splitlines() if line.split()]
    covered = between(prompt, "covered").splitlines()
    skills = between(prompt, "skills").splitlines()
    wanted = [skill for skill in skills if skill in covered]
    return {
        "angle": f"Put forward {', '.join(covered[:3]) or 'what carries over'} for {field(prompt, 'Wanted')}.",
        "positions": numbers[:3] or [1],
        "skills": [*wanted, *(skill for skill in skills if skill not in wanted)][:10],
    }


def _write_summary(prompt: str, rng: random.Random) -> dict[str, object]:
    keywords = between(prompt, "keywords").splitlines()
    known = ", ".join(keywords) or "what the work needs"
    opening = rng.choice(["Brings", "Works with", "Knows"])
    return {"text": f"{opening} {known}. Finishes what was begun and explains it to others."}


def _write_position(prompt: str, _rng: random.Random) -> dict[str, object]:
    bullets = [found.group(1) for line in between(prompt, "source").splitlines() if (found := _BULLET.match(line))]
    bullets = bullets[:4] or [f"Worked as {field(prompt, 'Position').partition(',')[0]}"]
    if field(prompt, "Number") == "1":
        bullets[-1] = f"{bullets[-1].rstrip('.')}, {_CLAIM}"
    return {"bullets": bullets}


def _repair_position(prompt: str, _rng: random.Random) -> dict[str, object]:
    lines = between(prompt, "draft").splitlines()
    wrong = re.findall(r"“([^”]+)”", between(prompt, "wrong"))
    mended = [line.replace(f", {_CLAIM}", "") for line in lines]
    return {"bullets": [line for line in mended if not any(word in line for word in wrong)] or mended[:1]}


def _repair_summary(prompt: str, _rng: random.Random) -> dict[str, object]:
    missing = [line for line in between(prompt, "wrong").splitlines() if "missing" in line]
    words = re.findall(r"“([^”]+)”", " ".join(missing))
    text = " ".join(between(prompt, "draft").splitlines())
    return {"text": f"{text} Also knows {', '.join(words)}." if words else text}


CV_WRITERS: Final[Mapping[str, Callable[[str, random.Random], dict[str, object]]]] = {
    "read-cv": _read_cv,
    "analyse-posting": _analyse_posting,
    "plan-cv": _plan,
    "write-summary": _write_summary,
    "write-position": _write_position,
    "repair-position": _repair_position,
    "repair-summary": _repair_summary,
}
"""By the task that a prompt names."""


def _entry(line: str, first: str, second: str) -> dict[str, str]:
    """`Engineer, Acme, 2019–2024` in its parts."""
    text = line.strip().lstrip("#-*+ ").strip()
    years = _YEARS.search(text)
    dates = years.group() if years else ""
    parts = [part.strip() for part in text.replace(dates, "").split(",") if part.strip()] if dates else text.split(", ")
    return {first: parts[0], second: parts[1] if len(parts) > 1 else parts[0], "dates": dates}

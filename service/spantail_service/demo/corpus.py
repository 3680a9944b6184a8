"""The demo job board's jobs: made once from a seed, in the shape of Himalayas' API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spantail_service.demo.faults import seeded

if TYPE_CHECKING:
    import random

_PAID = 0.7
_PUBLISHED = 1_790_000_000
_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class _Field:
    category: str
    roles: tuple[str, ...]
    skills: tuple[str, ...]
    duty: str


_FIELDS = (
    _Field(
        "Developer",
        (
            "Python Developer", "Backend Engineer", "Software Engineer", "Platform Engineer",
            "Frontend Developer", "Full Stack Developer", "Java Developer", "Go Engineer", "Mobile Developer",
            "Site Reliability Engineer",
        ),
        (
            "Python", "PostgreSQL", "Kubernetes", "TypeScript", "FastAPI", "Redis", "AWS", "Go", "React",
            "Terraform",
        ),
        "design, build and run the services behind our product",
    ),
    _Field(
        "Data",
        (
            "Data Engineer", "Data Scientist", "Data Analyst", "Analytics Engineer",
            "Machine Learning Engineer", "AI Engineer",
        ),
        ("SQL", "Python", "dbt", "Spark", "Airflow", "PyTorch", "Statistics", "BigQuery"),
        "turn raw events into tables, models and decisions that people trust",
    ),
    _Field(
        "Design",
        ("Product Designer", "UX Researcher", "UI Designer", "Brand Designer"),
        ("Figma", "Prototyping", "User research", "Design systems", "Accessibility"),
        "shape how people meet our product, from first sketch to shipped screen",
    ),
    _Field(
        "Product",
        ("Product Manager", "Product Owner", "Program Manager", "Project Manager"),
        ("Roadmaps", "Discovery", "Analytics", "Stakeholder management", "Agile"),
        "decide with engineers and customers what is worth building next",
    ),
    _Field(
        "Marketing",
        ("Content Strategist", "Technical Writer", "Growth Marketer", "SEO Specialist", "Marketing Manager"),
        ("Writing", "SEO", "Campaigns", "Editing", "Analytics"),
        "explain what we make to the people who need it",
    ),
    _Field(
        "Customer Success",
        (
            "Customer Success Manager", "Support Engineer", "Customer Support Specialist", "Sales Engineer",
            "Account Executive",
        ),
        ("Communication", "Zendesk", "Troubleshooting", "Negotiation", "CRM"),
        "help customers to get what they came for, and bring back what they told you",
    ),
    _Field(
        "Operations",
        (
            "Accountant", "HR Manager", "Recruiter", "Office Manager", "Operations Manager", "Teacher",
            "Registered Nurse", "Care Coordinator", "Translator",
        ),
        ("Organisation", "Excel", "Communication", "Planning", "Compliance"),
        "keep the work of many people running smoothly",
    ),
)  # fmt: skip
_LEVELS = (
    ("Junior", "Entry-level", 0.7),
    ("", "Mid-level", 1.0),
    ("Senior", "Senior", 1.3),
    ("Lead", "Senior", 1.5),
)
_COMPANIES = (
    "Acornworks", "Blue Harbour", "Cobalt Labs", "Driftwood", "Evergrain", "Fernway", "Glasshouse",
    "Hollow Oak", "Inkwell", "Juniper & Sons", "Kestrel Systems", "Lanternfish", "Mossgate", "Northlight",
    "Orchard Street", "Paperplane", "Quarry Bay", "Riverstone",
)  # fmt: skip
_PLACES: tuple[list[str], ...] = (
    [], [], ["Germany"], ["United Kingdom"], ["United States"], ["Canada"], ["Spain", "Portugal"], ["India"],
    ["Netherlands", "Germany"], ["Poland"], ["Brazil"], ["Australia", "New Zealand"],
)  # fmt: skip
_CLOSERS = (
    "We meet in person twice a year and write things down the rest of the time.",
    "You work with a team of six; the person who leads it still does the work.",
    "The first weeks are for reading, asking and a first small change of your own.",
    "Interviews are two talks and one paid afternoon of real work.",
)


def make_jobs(seed: int, board_url: str = "https://himalayas.app") -> list[dict[str, Any]]:
    """All jobs of the board, newest first; the same for the same seed."""
    rng = seeded(seed, "jobs")
    jobs = [
        _job(rng, field, role, level, board_url)
        for field in _FIELDS
        for role in field.roles
        for level in _LEVELS
        for _ in range(2)
    ]
    return sorted(jobs, key=lambda job: (-job["pubDate"], job["guid"]))


def _job(rng: random.Random, field: _Field, role: str, level: tuple[str, str, float], board_url: str) -> dict[str, Any]:
    prefix, seniority, factor = level
    title = f"{prefix} {role}".strip()
    company = rng.choice(_COMPANIES)
    slug = "-".join("".join(c if c.isalnum() else " " for c in company.lower()).split())
    number = rng.randint(10**9, 10**10 - 1)
    link = f"{board_url}/companies/{slug}/jobs/{'-'.join(title.lower().split())}-{number}"
    skills = rng.sample(field.skills, min(4, len(field.skills)))
    paid = rng.random() < _PAID
    low = round(rng.uniform(45_000, 95_000) * factor, -3)
    published = _PUBLISHED - rng.randint(0, 40 * _DAY_S)
    excerpt = f"{company} is looking for a {title.lower()} to {field.duty}."
    return {
        "title": title,
        "excerpt": excerpt,
        "companyName": company,
        "companySlug": slug,
        "companyLogo": "",
        "employmentType": rng.choice(["Full Time", "Full Time", "Full Time", "Contractor", "Part Time"]),
        "minSalary": low if paid else None,
        "maxSalary": round(low * 1.25, -3) if paid else None,
        "salaryPeriod": "annual",
        "seniority": [seniority],
        "currency": "USD",
        "locationRestrictions": rng.choice(_PLACES),
        "timezoneRestrictions": [],
        "categories": [skill.replace(" ", "-") for skill in skills],
        "parentCategories": [field.category],
        "description": _description(rng, excerpt, field, skills, seniority),
        "pubDate": published,
        "expiryDate": published + 60 * _DAY_S,
        "applicationLink": link,
        "guid": link,
    }


def _description(rng: random.Random, excerpt: str, field: _Field, skills: list[str], seniority: str) -> str:
    years = {"Entry-level": "first", "Mid-level": "three or more", "Senior": "six or more"}[seniority]
    bullets = "".join(
        f"<li>Working knowledge of {skill}, shown by something you made with it.</li>" for skill in skills
    )
    opening = excerpt.replace("&", "&amp;")
    return (
        f"<h3>About the job</h3><p>{opening} You own a part of it from idea to daily use, "
        f"and you improve it when the numbers say so.</p>"
        f"<h3>What you will do</h3><p>You will {field.duty}. You review the work of others and explain "
        f"your own. Once a quarter you choose a problem that nobody asked you to solve.</p>"
        f"<h3>What you bring</h3><ul>{bullets}<li>Your {years} years in the field, paid or not.</li></ul>"
        f"<h3>How we work</h3><p>{rng.choice(_CLOSERS)} {rng.choice(_CLOSERS)}</p>"
    )

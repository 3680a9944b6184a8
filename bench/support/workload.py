"""The spans that every benchmark makes: runs of 100 spans with 12 attributes, as an instrumented LLM step has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.trace import Tracer

SPANS_PER_RUN: Final = 100
ASKED: Final[Mapping[str, str | int | float]] = {
    "spantail.kind": "llm_call",
    "spantail.backend": "langchain",
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "app.job.id": "himalayas-48211",
    "app.job.title": "Senior Python Developer (remote, Europe)",
    "app.score": 0.82,
}
"""What is known of an LLM call when it starts …"""
ANSWERED: Final[Mapping[str, str | int | float]] = {
    "gen_ai.usage.input_tokens": 412,
    "gen_ai.usage.output_tokens": 96,
    "spantail.cost_usd": 0.0001194,
    "spantail.cost.source": "calculated",
}
"""… and what its answer tells."""
ATTRIBUTES: Final = {**ASKED, **ANSWERED}
TITLES: Final = (
    "Data Engineer",
    "Site Reliability Engineer",
    "Backend Developer, Payments",
    "Senior Python Developer (remote, Europe)",
    "Machine Learning Engineer, Recommendations",
    "Staff Software Engineer, Developer Experience (Berlin)",
    "Working Student, Natural Language Processing and Search (f/m/d)",
)
"""Where spans are of many sizes, as they are: an allocator wastes the same of all that are of one."""


def asked(number: int) -> dict[str, str | int | float]:
    """What is known when the call of this number starts."""
    return {**ASKED, "app.job.title": TITLES[number % len(TITLES)]}


def make_spans(tracer: Tracer, count: int) -> None:
    """Start and end `count` spans, a root for every hundred, children nested directly below it."""
    for _ in range(count // SPANS_PER_RUN):
        with tracer.start_as_current_span("run", attributes=ATTRIBUTES):
            for _ in range(SPANS_PER_RUN - 1):
                with tracer.start_as_current_span("chat gpt-4o-mini", attributes=ATTRIBUTES):
                    pass

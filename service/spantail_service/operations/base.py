"""What an operation is, and what it works with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    import httpx

    from spantail_service.llm import Embedder, LlmChain, OnText
    from spantail_service.operations.cache import TtlCache
    from spantail_service.operations.job_store import JobStore
    from spantail_service.operations.sources import HimalayasBoard, JobPosting, JobSource, SourceName
    from spantail_service.settings import OperationSettings

MAX_RUN_NAME = 80
"""Characters of a run's name: it stands on one line of a list."""


class OperationError(Exception):
    """An operation cannot go on; the message is for the user."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What operations work with; made by `open_tools` and shared by all runs of a process."""

    settings: OperationSettings
    http: httpx.AsyncClient
    llm: LlmChain
    embedder: Embedder
    sources: Mapping[SourceName, JobSource]
    board: HimalayasBoard
    cache: TtlCache[tuple[JobPosting, ...]]
    jobs: JobStore
    demo: bool
    on_text: OnText | None = None
    """Takes each piece of an answer's text as it arrives, where the caller wants to see it, and `Restart` when the text
    so far no longer counts, because another attempt begins. Set for one run only."""


Result = dict[str, Any]
"""JSON-serialisable."""

DemoInput = Callable[[Random, Sequence[str]], dict[str, Any]]
"""Makes an input, from a source of randomness and the ids of the jobs that the demo's job board has."""

_Input = TypeVar("_Input", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Operation:
    """One entry of the catalogue."""

    name: str
    """In URLs: `job-search`."""
    title: str
    """For people, and the root span's name: `job search`."""
    description: str
    input_model: type[BaseModel]
    layers: tuple[str, ...]
    work: Callable[[BaseModel, Tools], Awaitable[Result]]
    """Runs inside the operation's span: takes an instance of `input_model`, returns the result. Raises
    `OperationError` and others; a cancellation stops everything it started."""
    subject: Callable[[BaseModel], str]
    """What distinguishes a run from other runs of this operation, by its input: `python developer`."""
    demo_input: DemoInput | None = None
    """Makes an input for the demo's own work; None: the demo does not start this operation."""
    time_limit_s: float | None = None
    """After so many seconds a run is stopped and has failed; None: as the setting `run_time_limit_s` says."""

    def run_name(self, given: BaseModel) -> str:
        """The name of a run on this input, at most `MAX_RUN_NAME` characters: `job search · python developer`."""
        name = f"{self.title} · {self.subject(given)}"
        return name if len(name) <= MAX_RUN_NAME else f"{name[: MAX_RUN_NAME - 1].rstrip()}…"


def work_on(
    model: type[_Input], work: Callable[[_Input, Tools], Awaitable[Result]]
) -> Callable[[BaseModel, Tools], Awaitable[Result]]:
    """`work` as `Operation.work`: raises `TypeError` for another operation's input."""

    async def checked(request: BaseModel, tools: Tools) -> Result:
        return await work(_as(model, request), tools)

    return checked


def subject_of(model: type[_Input], subject: Callable[[_Input], str]) -> Callable[[BaseModel], str]:
    """`subject` as `Operation.subject`, checked in the same way."""
    return lambda request: subject(_as(model, request))


def _as(model: type[_Input], request: BaseModel) -> _Input:
    if not isinstance(request, model):
        raise TypeError(f"expected {model.__name__}, got {type(request).__name__}")
    return request

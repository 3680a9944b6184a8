"""What an operation is, what it works with, and the settings behind that."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    import httpx

    from spantail_service.llm import LangChainEmbedder, LlmChain
    from spantail_service.operations.cache import JobStore, TtlCache
    from spantail_service.operations.sources import HimalayasBoard, JobPosting, JobSource, SourceName

MAX_RUN_NAME = 80
"""Characters of a run's name: it stands on one line of a list."""

# A model's name becomes an argument of a command, so it must not look like an option.
_Model = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9][\w.:/@\[\]-]*$")]


class OperationError(Exception):
    """An operation cannot go on; the message is for the user."""


class WorkSettings(BaseModel):
    """Settings of the operations and of what they reach in the outside world."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    demo: bool = False
    """Sources that cannot be pointed at loopback are skipped with the reason `demo`, and the Claude CLI
    gets a home of its own."""
    himalayas_url: str = "https://himalayas.app"
    jobspy_proxies: tuple[str, ...] = ()
    """Proxies for Indeed and Bayt, used in turn."""
    openai_base_url: str | None = None
    openai_api_key: SecretStr | None = None
    """None: langchain-openai reads `OPENAI_API_KEY` itself."""
    anthropic_base_url: str | None = None
    anthropic_api_key: SecretStr | None = None
    """None: the Claude CLI uses its own login, or `ANTHROPIC_API_KEY` from the environment."""
    claude_command: str = "claude"
    claude_home: Path | None = None
    """HOME of the Claude CLI. None: the user's own, where the login is; in demo mode a scratch folder."""
    claude_model: _Model = "claude-sonnet-4-5"
    claude_small_model: _Model = "claude-haiku-4-5"
    fallback_model: _Model = "gpt-4o"
    fallback_small_model: _Model = "gpt-4o-mini"
    embedding_model: _Model = "text-embedding-3-small"
    llm_timeout_s: float = Field(60.0, gt=0, le=600)
    llm_concurrency: int = Field(4, ge=1, le=64)
    source_timeout_s: float = Field(30.0, gt=0, le=300)
    cache_ttl_s: float = Field(600.0, ge=0, le=86_400)
    stored_jobs: int = Field(2_000, ge=1, le=1_000_000)


@dataclass(frozen=True, slots=True)
class Tools:
    """What operations work with; made by `open_tools` and shared by all runs of a process."""

    settings: WorkSettings
    http: httpx.AsyncClient
    llm: LlmChain
    embedder: LangChainEmbedder
    sources: Mapping[SourceName, JobSource]
    board: HimalayasBoard
    cache: TtlCache[tuple[JobPosting, ...]]
    jobs: JobStore
    demo: bool


Result = dict[str, Any]
"""JSON-serialisable."""

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
    """Runs inside the operation's span. Takes an instance of `input_model`; returns the result. Raises
    `OperationError` and others; a cancellation stops everything it started."""
    subject: Callable[[BaseModel], str]
    """What tells a run from other runs of this operation, by its input: `python developer`."""

    def run_name(self, given: BaseModel) -> str:
        """The name of a run on this input, at most `MAX_RUN_NAME` characters: `job search · python developer`."""
        name = f"{self.title} · {self.subject(given)}"
        return name if len(name) <= MAX_RUN_NAME else f"{name[: MAX_RUN_NAME - 1].rstrip()}…"


def work_on(
    model: type[_Input], work: Callable[[_Input, Tools], Awaitable[Result]]
) -> Callable[[BaseModel, Tools], Awaitable[Result]]:
    """`work` as `Operation.work`: says so when it is given another operation's input."""

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

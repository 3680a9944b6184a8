"""Which runs a reader of the list wants to see (pure)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

Calls = Literal["failed", "fell_back"]
"""What became of calls: they failed, or another backend took them over."""

STATUSES = ("queued", "running", "completed", "failed", "cancelled", "abandoned")
"""Every status of a run."""

_MOST_WORDS = 10
_FIGURE_OF: Final[dict[Calls, str]] = {"failed": "errors", "fell_back": "fallbacks"}


class RunFilter(NamedTuple):
    """Conditions that all have to hold; a condition that is not set holds for every run.

    Status, operation and time are answered from the index, the others by looking at each run in turn.
    """

    statuses: tuple[str, ...] = ()
    """Any of them; none at all means each."""
    operation: str | None = None
    started_from: int | None = None
    """First start that counts (µs since the epoch)."""
    started_before: int | None = None
    """First start that no longer counts (µs since the epoch)."""
    backend: str | None = None
    model: str | None = None
    calls: Calls | None = None
    """What became of at least one call: of `backend` or `model` where they are set. Which model was left for another
    is not counted, so with `fell_back` that is asked of the backends alone."""
    service: str | None = None
    environment: str | None = None
    """`deployment.environment.name` of the run's root."""
    version: str | None = None
    """`service.version` of the run's root."""
    text: str = ""
    """Words, each of which has to be somewhere in the run's name, operation, service, backends or id."""
    min_cost_nano: int | None = None
    has_errors: bool | None = None
    pinned: bool | None = None
    demo: bool | None = None

    @property
    def looks_inside(self) -> bool:
        """Whether the index alone cannot answer."""
        return bool(
            self.backend is not None
            or self.model is not None
            or self.calls is not None
            or self.service is not None
            or self.environment is not None
            or self.version is not None
            or self.text.strip()
            or self.min_cost_nano
            or self.has_errors is not None
            or self.pinned is not None
            or self.demo is not None
        )

    def matches(self, run: Mapping[str, Any]) -> bool:
        """Whether a run's summary fulfils every condition, those of the index included."""
        start = run["start"] or 0
        return (
            (not self.statuses or run["status"] in self.statuses)
            and (self.operation is None or run["operation"] == self.operation)
            and (self.started_from is None or start >= self.started_from)
            and (self.started_before is None or start < self.started_before)
            and self.matches_figures(run)
            and self._matches_root(run)
        )

    def matches_figures(self, run: Mapping[str, Any]) -> bool:
        """Whether what a run came to fulfils the conditions on it: this needs no look at any of its spans."""
        return (
            self._matches_calls(run)
            and (not self.min_cost_nano or run["cost_nano"] >= self.min_cost_nano)
            and (self.has_errors is None or (run["errors"] > 0) == self.has_errors)
            and (self.pinned is None or run["pinned"] == self.pinned)
            and (self.demo is None or run["demo"] == self.demo)
        )

    def _matches_calls(self, run: Mapping[str, Any]) -> bool:
        backends: Mapping[str, Any] = run["backends"]
        if self.backend is not None:
            if self.backend not in backends:
                return False
            backends = {self.backend: backends[self.backend]}
        if self.model is not None:
            model = run["models"].get(self.model)
            if model is None or (self.calls == "failed" and not model["errors"]):
                return False
        figure = _FIGURE_OF[self.calls] if self.calls else None
        return figure is None or any(totals[figure] > 0 for totals in backends.values())

    def _matches_root(self, run: Mapping[str, Any]) -> bool:
        return (
            (self.service is None or run["service"] == self.service)
            and (self.environment is None or run["environment"] == self.environment)
            and (self.version is None or run["version"] == self.version)
            and self._matches_text(run)
        )

    def _matches_text(self, run: Mapping[str, Any]) -> bool:
        words = self.text.casefold().split()[:_MOST_WORDS]
        if not words:
            return True
        seen = (run["name"], run["operation"], run["service"], run["run_id"], *run["backends"])
        text = "\n".join(part for part in seen if part).casefold()
        return all(word in text for word in words)


ALL_RUNS: Final = RunFilter()

"""Links out: the same trace in Jaeger and in Grafana, from templates in the settings."""

from __future__ import annotations

from typing import Final, NamedTuple
from urllib.parse import quote

_AROUND_MS = 60_000  # a search needs a window that is longer than the run
_HOUR_MS = 3_600_000


class LinkTemplates(NamedTuple):
    """One address per tool; empty where there is none.

    `{trace_id}`, `{service}`, `{start_ms}` and `{end_ms}` (milliseconds since the epoch, a minute
    before and after the run) are put in, percent-encoded. Any other brace stays: Grafana's addresses are full of them.
    """

    jaeger: str = ""
    grafana: str = ""

    def of(
        self, run_id: str, start_us: int | None = None, end_us: int | None = None, service: str | None = None
    ) -> dict[str, str]:
        """The links of a run by tool; without a start the window is the last hour before its end, or empty."""
        values = {"trace_id": run_id, "service": service or "", "start_ms": "", "end_ms": ""}
        if start_us is not None:
            values["start_ms"] = str(start_us // 1_000 - _AROUND_MS)
            end_ms = end_us // 1_000 + _AROUND_MS if end_us is not None else start_us // 1_000 + _HOUR_MS
            values["end_ms"] = str(end_ms)
        return {tool: _filled(template, values) for tool, template in self._asdict().items() if template}


NO_LINKS: Final = LinkTemplates()


def _filled(template: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        template = template.replace(f"{{{name}}}", quote(value, safe=""))
    return template

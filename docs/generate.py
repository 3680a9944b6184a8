"""Writes the parts of the reference that the code itself can say: `python docs/generate.py`.

A page of `docs/reference/` marks such a part:

    <!-- begin: settings -->
    <!-- end: settings -->

What stands between the marks is replaced by what the function of that name in `PARTS` makes of the code. A test
fails where a page is not what this program would write, so nobody has to remember to run it; `make docs` does.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import typer
from opentelemetry.metrics import NoOpMeter, NoOpMeterProvider

from spantail.metrics.calls import CallMetrics
from spantail.metrics.runs import RunMetrics
from spantail_service.app import create_app
from spantail_service.cli import cli
from spantail_service.jobs.queue import wait as queue_wait
from spantail_service.metrics import ServiceMetrics
from spantail_service.metrics.names import prometheus_name
from spantail_service.settings import Settings, setting_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from opentelemetry.metrics import Counter, Histogram

Made = TypeVar("Made")

REFERENCE: Final = Path(__file__).resolve().parent / "reference"
ROOT: Final = REFERENCE.parents[1]
SERVICE: Final = ROOT / "service" / "spantail_service"
_PART: Final = re.compile(r"(?s)(<!-- begin: (?P<name>\w+) -->\n).*?(<!-- end: (?P=name) -->)")
_ANYWHERE: Final = {"403", "414", "421", "431", "500"}
"""Answers that any route may give: the page says so once."""
_LARGEST: Final = 2**53 - 1
_LARGEST_SHOWN: Final = 1_000_000
_TAGS: Final = {
    "runs": "Runs",
    "operations": "Operations",
    "queue": "Queue and runners",
    "budgets": "Budgets",
    "notices": "Notices",
    "otlp": "OTLP",
    "tempo": "Tempo, for Grafana",
    "health": "Health",
}


def main() -> None:
    """Write every page anew; prints the names of those that have changed."""
    for path in pages():
        before = path.read_text(encoding="utf-8")
        after = renewed(before)
        if after != before:
            path.write_text(after, encoding="utf-8")
            print(f"docs/reference/{path.name} is written anew", file=sys.stderr)


def pages() -> list[Path]:
    """Every page that has a generated part."""
    return [path for path in sorted(REFERENCE.glob("*.md")) if _PART.search(path.read_text(encoding="utf-8"))]


def renewed(page: str) -> str:
    """A page's text with its generated parts as the code has them now."""
    return _PART.sub(lambda found: found[1] + "\n" + PARTS[found["name"]]().strip() + "\n\n" + found[3], page)


def settings() -> str:
    """The table of the service's settings."""
    rows = [(f"`{row.name}`", f"`{row.default}`" if row.default else "", row.meaning) for row in setting_rows()]
    return _table(("variable", "default", "what"), rows)


def http() -> str:
    """Every route of the OpenAPI document, by subject."""
    document = create_app(Settings(redis_url="redis://127.0.0.1:1/0")).openapi()
    by_tag: dict[str, list[str]] = {tag: [] for tag in _TAGS}
    for path, methods in document["paths"].items():
        for method, route in methods.items():
            by_tag[route["tags"][0]].append(_route(f"{method.upper()} {path}", route))
    return "\n\n".join(f"## {_TAGS[tag]}\n\n" + "\n\n".join(routes) for tag, routes in by_tag.items())


def _route(name: str, route: dict[str, Any]) -> str:
    parts = [f"### `{name}`", f"**{route['summary']}.** {_prose(route.get('description', ''))}"]
    parameters = [
        (f"`{one['name']}`", one["in"], _allowed(one["schema"]), one.get("description", ""))
        for one in route.get("parameters", [])
        if one["in"] != "path"
    ]
    if parameters:
        parts.append(_table(("parameter", "in", "value", "what"), parameters))
    if content := route.get("requestBody", {}).get("content"):
        parts.append("Body: " + " or ".join(f"`{kind}`" for kind in content) + ".")
    answers = [f"`{status}`" for status in route["responses"] if status not in _ANYWHERE]
    parts.append("Answers " + ", ".join(answers) + ".")
    return "\n\n".join(parts)


def _allowed(schema: dict[str, Any]) -> str:
    """What a parameter may be, in a few words."""
    variants = [one for one in schema.get("anyOf", [schema]) if one.get("type") != "null"]
    words = []
    for one in variants:
        if one.get("type") == "array":
            words.append(_allowed(one["items"]) + ", repeated")
        elif values := one.get("enum", [one["const"]] if "const" in one else None):
            words.append(", ".join(f"`{value}`" for value in values))
        else:
            words.append(one.get("type", "text").replace("string", "text") + _limits(one))
    default = schema.get("default")
    return " or ".join(words) + (f"; default `{default}`" if default not in (None, [], "") else "")


def _limits(schema: dict[str, Any]) -> str:
    least, most = (schema.get(name) for name in ("minimum", "maximum"))
    if most == _LARGEST:
        most = None  # there because no reader in JavaScript holds more; nobody gets near it
    if least is not None and most is not None:
        return f" from {least:g} to {most:g}" if most < _LARGEST_SHOWN else f" from {least:g}"
    return f" from {least:g}" if least is not None else f" up to {most:g}" if most is not None else ""


def metrics() -> str:
    """Every metric of the service's own, with its labels."""
    rows = []
    for family in ServiceMetrics().collect():
        name = family.name + ("_total" if family.type == "counter" else "")
        labels = ", ".join(f"`{label}`" for label in getattr(family, "_labelnames", ()))
        rows.append((f"`{name}`", family.type, labels, family.documentation))
    rows += [(f"`spantail_{name}`", "gauge", "", meaning) for name, meaning in _watched()]
    return _table(("metric", "type", "labels", "what"), rows)


def _watched() -> Iterator[tuple[str, str]]:
    """The gauges that the service's parts add, by their calls of `metrics.watch(name, meaning, read)`."""
    for path in sorted(SERVICE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Attribute(attr="watch"),
                    args=[ast.Constant(value=str(name)), ast.Constant(value=str(meaning)), _],
                ):
                    yield name, meaning


class _Noted(NoOpMeter):
    """Notes the instruments that are made with it."""

    def __init__(self) -> None:
        super().__init__("noted")
        self.rows: list[tuple[str, str, str]] = []

    def create_counter(self, name: str, unit: str = "", description: str = "") -> Counter:
        """Note a counter."""
        return self._noted("counter", name, unit, description, super().create_counter(name))

    def create_histogram(
        self,
        name: str,
        unit: str = "",
        description: str = "",
        *,
        explicit_bucket_boundaries_advisory: Sequence[float] | None = None,
    ) -> Histogram:
        """Note a histogram."""
        bounds = explicit_bucket_boundaries_advisory
        made = super().create_histogram(name, explicit_bucket_boundaries_advisory=bounds)
        return self._noted("histogram", name, unit, description, made)

    def _noted(self, kind: str, name: str, unit: str, description: str, made: Made) -> Made:
        shown = prometheus_name(name, unit) + ("_total" if kind == "counter" else "")
        self.rows.append((f"`{name}`", f"`{shown}`", f"{kind}. {description}"))
        return made


class _NotedProvider(NoOpMeterProvider):
    """Gives out one meter, which notes its instruments."""

    def __init__(self) -> None:
        self.meter = _Noted()

    def get_meter(self, name: str, *_: object, **__: object) -> _Noted:
        """Return the meter, whatever its name."""
        del name
        return self.meter


def instruments() -> str:
    """Every instrument that calls, runs and the queue are measured with, as they are without any opt-in."""
    provider = _NotedProvider()
    CallMetrics(provider, latest=False)
    RunMetrics(provider)
    queue_wait.instrument_of(provider)
    return _table(("OpenTelemetry", "Prometheus", "what"), provider.meter.rows)


def latest_instruments() -> str:
    """Those that take the place of the GenAI conventions' ones on request."""
    usual, latest = _NotedProvider(), _NotedProvider()
    CallMetrics(usual, latest=False)
    CallMetrics(latest, latest=True)
    rows = [row for row in latest.meter.rows if row not in usual.meter.rows]
    return _table(("OpenTelemetry", "Prometheus", "what"), rows)


def commands() -> str:
    """Every command of the command line, with its options."""
    return "\n\n".join(_command(name, command) for name, command in _commands_of(typer.main.get_command(cli)))


def _commands_of(group: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    """Every command with its whole name, those of groups among them; one that is hidden is for programs."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands_of(command, f"{above}{name} ")
        elif not command.hidden:
            yield above + name, command


def _command(name: str, command: Any) -> str:
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    options = [one for one in command.params if one.param_type_name == "option" and "--help" not in one.opts]
    usage = " ".join(["spantail", name, "[OPTIONS]", *(_argument(one) for one in arguments)])
    parts = [f"## `spantail {name}`", _prose(command.help or ""), f"```text\n{usage}\n```"]
    rows = [(f"`{one.metavar or one.name.upper()}`", _prose(one.help or "")) for one in arguments]
    rows += [(_names(one), _prose(one.help or "") + _default(one)) for one in options]
    if rows:
        parts.append(_table(("argument or option", "what"), rows))
    if command.epilog:
        parts.append(_prose(command.epilog))
    return "\n\n".join(parts)


def _argument(one: Any) -> str:
    name = one.metavar or one.name.upper()
    return name if one.required else f"[{name}]"


def _names(one: Any) -> str:
    value = "" if one.is_flag else " " + (one.metavar or "VALUE")
    return ", ".join(f"`{name}{value}`" for name in sorted(one.opts, key=len))


def _default(one: Any) -> str:
    shown = one.show_default and not one.is_flag and one.default not in (None, "")
    return f" Default: `{getattr(one.default, 'value', one.default)}`." if shown else ""


def _prose(text: str) -> str:
    """Text of a docstring as Markdown."""
    return re.sub(r"(?s)`` ?(.+?) ?``", r"`\1`", text.replace("\b", "")).strip()


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [list(head), *map(list, rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def collector() -> str:
    """What the first lines of collector.yaml, and of each file on top of it, say of the variables that it reads."""
    files = [ROOT / "collector.yaml", *sorted((ROOT / "deploy" / "collector").glob("*.yaml"))]
    return "\n\n".join(
        f"### `{path.relative_to(ROOT)}`\n\n" + _table(("variable", "default", "what"), rows)
        for path in files
        if (rows := collector_settings(path.read_text(encoding="utf-8")))
    )


def collector_settings(text: str) -> list[tuple[str, str, str]]:
    """Name, default and meaning of each variable in the first lines of a configuration of the Collector."""
    defaults = dict(re.findall(r"\$\{env:(\w+):-([^}]*)}", text))
    rows: list[tuple[str, str, str]] = []
    for line in text.splitlines():
        if found := re.match(r"#   ([A-Z][A-Z_]+)(?:\s+(.*))?$", line):
            name, rest = found[1], found[2] or ""
            default = defaults.get(name, "")
            rows.append((f"`{name}`", f"`{default}`" if default else "", rest.removeprefix(default).strip()))
        elif rows and (more := re.match(r"# {10,}(\S.*)$", line)):
            name, default, what = rows.pop()
            rows.append((name, default, f"{what} {more[1]}"))
        elif not line.startswith("#"):
            break
    return rows


PARTS: Final[dict[str, Callable[[], str]]] = {
    "settings": settings,
    "http": http,
    "metrics": metrics,
    "instruments": instruments,
    "latest_instruments": latest_instruments,
    "commands": commands,
    "collector": collector,
}

if __name__ == "__main__":
    main()

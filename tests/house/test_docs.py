"""The documents say what is there: settings, routes, make targets, links."""

from __future__ import annotations

import re

import pytest
from fastapi.routing import iter_route_contexts

from spantail_service.app import create_app
from spantail_service.settings import Settings, environment_names, setting_fields
from tests.support.tools import ROOT

DOCUMENTS = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"]


def _read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def _setting_names() -> list[str]:
    return [variable for name in setting_fields() for variable in environment_names(name)]


def _table_rows(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("|")]


def test_every_setting_has_a_row_in_the_readme() -> None:
    rows = _table_rows(_read("README.md"))
    missing = [name for name in _setting_names() if not any(f"`{name}`" in row for row in rows)]
    assert not missing, f"README.md has no row for: {', '.join(missing)}"


def test_the_readme_names_no_setting_that_is_not_there() -> None:
    # Read by the library or by test tools rather than by the service's settings class.
    elsewhere = {"SPANTAIL_TEST_STRICT", "SPANTAIL_TEST_CHROMIUM"}
    code = "\n".join(
        path.read_text(encoding="utf-8")
        for folder in ("otel", "exporters", "service", "examples", "bench")
        for path in (ROOT / folder).rglob("*.py")
    )
    named = set(re.findall(r"\bSPANTAIL_[A-Z][A-Z0-9_]*[A-Z0-9]\b", _read("README.md")))
    unknown = {name for name in named - set(_setting_names()) - elsewhere if name not in code}
    assert not unknown


def test_every_route_is_in_the_readme() -> None:
    app = create_app(Settings(redis_url="redis://127.0.0.1:1/0"))
    readme = _read("README.md")
    # Files of the page are no interface, and FastAPI's notation of a parameter may carry a converter: {path:path}.
    paths = {
        re.sub(r":\w+}", "}", context.path)
        for context in iter_route_contexts(app.routes)
        if context.path and not re.search(r"^/assets|\.(?:css|ico|svg)$", context.path)
    }
    assert paths
    shown = {path for path in paths if re.search(rf"(?<![\w/]){re.escape(path)}(?![\w/{{])", readme)}
    assert paths == shown, f"README.md does not name: {', '.join(sorted(paths - shown))}"


def test_every_make_target_is_explained_and_in_a_document() -> None:
    makefile = _read("Makefile")
    public = set(re.findall(r"(?m)^\.PHONY: (\S+)$", makefile))
    explained = set(re.findall(r"(?m)^([a-z-]+):.*## ", makefile))
    assert public == explained
    documents = "\n".join(_read(name) for name in DOCUMENTS)
    named = set(re.findall(r"`?make ([a-z][a-z-]*)", documents))
    assert not public - named, f"in no document: {public - named}"
    assert set(re.findall(r"`make ([a-z][a-z-]*)", documents)) <= public


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_to_a_file_leads_somewhere(document: str) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", _read(document))
    broken = [link for link in links if "://" not in link and not (ROOT / link).exists()]
    assert not broken

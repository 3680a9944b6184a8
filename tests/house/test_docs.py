"""The documents say what is there: settings, routes, keys, metrics, make targets, links, paths; and the site builds."""

from __future__ import annotations

import importlib.util
import inspect
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.routing import iter_route_contexts
from pydantic import AliasChoices

from spantail_exporters.model import keys
from spantail_service.app import create_app
from spantail_service.settings import Settings, setting_rows
from tests.support.strict import missing
from tests.support.tools import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
CODE = ("otel", "exporters", "service")
MADE = {
    "dist/", "deploy/.env", "service/spantail_service/static", "site/", "site/states",
    # by who follows the pages for contributors
    "frontend/src/views/run/head/failures.ts", "service/spantail_service/llm/local_model/",
    "service/spantail_service/operations/summary/", "tests/integration/operations/test_summary.py",
}  # fmt: skip
"""Paths that are named and not in the repository."""
EXTERNAL = re.compile(r"^(?:https?:|mailto:|#)")


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _reference(name: str) -> str:
    return _text(DOCS / "reference" / f"{name}.md")


def _everything() -> str:
    return "\n".join(map(_text, PAGES))


def _code(*folders: str) -> str:
    return "\n".join(_text(path) for folder in folders for path in (ROOT / folder).rglob("*.py"))


def _generator() -> Any:
    """The program that writes parts of the reference; it is no package."""
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_parts_of_the_reference_are_what_the_code_says() -> None:
    generator = _generator()
    pages = generator.pages()
    assert {path.stem for path in pages} == {"cli", "collector", "http", "metrics", "settings"}
    old = [path.name for path in pages if generator.renewed(_text(path)) != _text(path)]
    assert not old, f"run `python docs/generate.py` (or `make docs`) for: {', '.join(old)}"


def _setting_names() -> set[str]:
    names = {row.name for row in setting_rows()}
    for info in Settings.model_fields.values():
        match info.validation_alias:
            case AliasChoices(choices=choices):
                names |= {choice for choice in choices if isinstance(choice, str)}
            case str(alias):
                names.add(alias)
    return {name for name in names if name.isupper()}


def _variables_of_the_library() -> set[str]:
    """Names of variables that stand in the code of the packages that an application imports."""
    return set(re.findall(r'"(SPANTAIL_[A-Z][A-Z_]*[A-Z])"', _code("otel", "exporters")))


def test_every_setting_has_a_row_in_the_reference() -> None:
    rows = [line for line in _reference("settings").splitlines() if line.startswith("|")]
    wanted = _setting_names() | _variables_of_the_library()
    assert not {name for name in wanted if not any(f"`{name}`" in row for row in rows)}


def test_no_document_names_a_setting_that_is_not_there() -> None:
    # of deploy/collector/live.yaml, and made by who follows a page for contributors
    elsewhere = {"SPANTAIL_CA_FILE", "SPANTAIL_ENDPOINT", "SPANTAIL_INSECURE", "SPANTAIL_LOCAL_MODEL_URL"}
    named = set(re.findall(r"\bSPANTAIL_[A-Z][A-Z0-9_]*[A-Z0-9]\b", _everything()))
    code = _code(*CODE, "examples", "bench", "tests")
    assert not {name for name in named - _setting_names() - elsewhere if name not in code}


def test_every_route_is_in_the_reference() -> None:
    app = create_app(Settings(redis_url="redis://127.0.0.1:1/0"))
    reference = _reference("http")
    # Files of the page are no interface, and FastAPI's notation of a parameter may carry a converter: {path:path}.
    paths = {
        re.sub(r":\w+}", "}", context.path)
        for context in iter_route_contexts(app.routes)
        if context.path and not re.search(r"^/assets|\.(?:css|ico|svg)$", context.path)
    }
    assert paths
    shown = {path for path in paths if re.search(rf"(?<![\w/]){re.escape(path)}(?![\w/{{])", reference)}
    assert paths == shown


def _key_patterns() -> Iterator[str]:
    """Every key and channel of the live tier, as the reference writes it."""
    placeholders = {
        "run_id": "RUN", "runner_id": "RUNNER", "status": "STATUS", "operation": "OPERATION", "day": "DAY",
        "mark": "MARK", "item_id": "ITEM", "is_cluster": False, "backend": "BACKEND", "model": "MODEL",
        "scope": "SCOPE", "scope_kind": "KIND", "reservation": "RESERVATION", "by": "BY", "digest": "DIGEST",
    }  # fmt: skip
    beside = {"operation_digest", "spend_by"}  # no keys
    for name, value in vars(keys).items():
        if name.isupper() and not name.startswith("_") and isinstance(value, str) and not value.endswith(":"):
            yield value
        elif inspect.isfunction(value) and value.__module__ == keys.__name__ and name not in beside:
            made = value(**{one: placeholders[one] for one in inspect.signature(value).parameters})
            yield from [made] if isinstance(made, str) else made


def test_every_redis_key_is_in_the_reference() -> None:
    digest = keys.operation_digest("OPERATION")
    patterns = {pattern.replace(digest, "DIGEST") for pattern in _key_patterns()}
    assert len(patterns) > 20
    reference = _reference("redis-keys")
    assert not {pattern for pattern in patterns if f"`{pattern}`" not in reference}


def test_every_metric_of_an_application_is_in_the_reference() -> None:
    (health,) = (ROOT / "exporters").rglob("health.py")
    named = set(re.findall(r'"((?:spantail|otel\.sdk)\.[a-z.]+)"', _text(health)))
    assert len(named) > 5
    reference = _reference("metrics")
    assert not {name for name in named if f"`{name}`" not in reference}


def test_every_attribute_of_ours_is_in_the_reference() -> None:
    from spantail import attributes

    named = {value for name, value in vars(attributes).items() if name.isupper() and isinstance(value, str)}
    ours = {value for value in named if value.startswith("spantail.")}
    reference = _reference("attributes")
    assert not {
        name for name in ours
        if f"`{name}`" not in reference and f"`{name.removeprefix('spantail.usage.')}`" not in reference
    }  # fmt: skip


def test_every_public_name_of_the_library_is_in_the_reference() -> None:
    import spantail
    import spantail_exporters

    reference = _reference("python-api")
    wanted = [f"{module.__name__}.{name}" for module in (spantail, spantail_exporters) for name in module.__all__]
    assert not [name for name in wanted if f":: {name}\n" not in reference]


def test_every_make_target_is_explained_and_in_a_document() -> None:
    makefile = _text(ROOT / "Makefile")
    public = set(re.findall(r"(?m)^\.PHONY: (\S+)$", makefile))
    explained = set(re.findall(r"(?m)^([a-z-]+):.*## ", makefile))
    assert public == explained
    documents = _everything()
    named = set(re.findall(r"`?make ([a-z][a-z-]*)", documents))
    assert not public - named, f"in no document: {public - named}"
    assert set(re.findall(r"`make ([a-z][a-z-]*)", documents)) <= public


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    """Also those of README.md, which is no page of the site."""
    links = re.findall(r"(?<!`)\]\(([^)\s]+)\)", _text(page))
    files = [link.partition("#")[0] for link in links if not EXTERNAL.match(link)]
    assert not [link for link in files if not (page.parent / link).exists()]


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_path_that_is_named_is_there(page: Path) -> None:
    """A path in backticks that begins with a folder of the repository: `service/spantail_service/app.py`."""
    if page.name == "CHANGELOG.md":
        return  # tells of what was
    folders = "|".join(sorted(path.name for path in ROOT.iterdir() if path.is_dir() and path.name[0] not in "._"))
    text = re.sub(r"(?ms)^ *```.*?^ *```", "", _text(page))
    named = set(re.findall(rf"`((?:{folders}|\.github|\.ci)/[\w./*{{}},-]*)`", text))
    assert not {name for name in named - MADE if not _is_there(name)}


def _is_there(name: str) -> bool:
    """`folder/{a,b}.py` names several, `folder/*.py` any."""
    if found := re.search(r"\{([^}]*)\}", name):
        return all(_is_there(name.replace(found.group(), one)) for one in found.group(1).split(","))
    return any(ROOT.glob(name.rstrip("/")))


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    """A page that no index names is a warning, and a link or an anchor that leads nowhere, and a docstring's fault."""
    if importlib.util.find_spec("sphinx") is None or importlib.util.find_spec("furo") is None:
        missing("no Sphinx with Furo: `make test` installs them")
    answer = subprocess.run(
        [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet", "-c", "docs", ".", tmp_path],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    html = {path.relative_to(tmp_path): _text(path) for path in tmp_path.rglob("*.html")}
    assert len(html) > 40
    asked = {
        f"{name} asks {address}"
        for name, page in html.items()
        for tag in re.findall(r"<(?:link|script|img|iframe|source)\b[^>]*>", page)
        for address in re.findall(r'(?:href|src)="((?:https?:)?//[^"]*)"', tag)
    }
    assert not asked, "a page of ours asks nobody else"
    foreign = re.compile(r"(?:url\(|@import)\s*['\"]?(?:https?:)?//")
    assert not [path for path in tmp_path.rglob("*.css") if foreign.search(_text(path))]

"""The version stands in one place, and everybody who tells it tells the same."""

from __future__ import annotations

import json
import re
import tomllib

from spantail.version import __version__
from spantail_service import __version__ as of_the_service
from tests.integration.service.harness import running_app
from tests.support.commands import run_command
from tests.support.tools import ROOT


async def test_command_and_api_tell_the_same(new_redis_url: str) -> None:
    assert of_the_service == __version__
    answer = run_command("http://127.0.0.1:1", "version")
    assert answer.stdout.split()[:2] == ["spantail", __version__]
    async with running_app(new_redis_url) as client:
        assert (await client.get("/api/about")).json()["version"] == __version__
        assert (await client.get("/openapi.json")).json()["info"]["version"] == __version__


def test_it_is_stated_once() -> None:
    """The wheel's is checked where the wheel is built (test_wheel.py)."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["hatch"]["version"]["path"] == "otel/spantail/version.py"
    page = json.loads((ROOT / "frontend" / "package.json").read_text(encoding="utf-8"))
    assert page["private"]
    assert "version" not in page


def test_the_changelog_knows_it() -> None:
    headings = re.findall(r"(?m)^## \[([^\]]+)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    assert __version__ in headings

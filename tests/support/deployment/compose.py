"""deploy/compose.yaml as Docker Compose reads it, and what its containers would see of this machine."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any, Final

from tests.support.tools import ROOT, deploy_checks

if TYPE_CHECKING:
    from collections.abc import Mapping

COMPOSE: Final = ROOT / "deploy" / "compose.yaml"
GIVEN: Final = {"SPANTAIL_TOKEN": "t0ken-of-a-test", "REDIS_PASSWORD": "p4ssword", "GRAFANA_PASSWORD": "gr4fana"}
"""Secrets that it does not start without."""

TOKEN_FILE: Final = "/tmp/spantail-token"  # noqa: S108 - in the memory of the container
"""Where Prometheus finds Spantail's token."""


def read(given: Mapping[str, str] = GIVEN) -> subprocess.CompletedProcess[str]:
    """What `docker compose config` would print, as JSON."""
    system = {name: value for name, value in os.environ.items() if not name.startswith("SPANTAIL_")}
    return subprocess.run(
        [deploy_checks() / "checks", "compose", COMPOSE],
        env={**system, **given}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def services() -> dict[str, Any]:
    """The services by their names."""
    answer = read()
    assert answer.returncode == 0, answer.stderr
    found: dict[str, Any] = json.loads(answer.stdout)["services"]
    return found


def here(service: Mapping[str, Any], text: str) -> str:
    """A command's argument with the paths of this machine in place of those in the container."""
    for one in service["volumes"]:
        if one["type"] == "bind":
            text = text.replace(one["target"], one["source"])
    return text

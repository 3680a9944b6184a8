"""`docs/how-to/around/jaeger.md` as it is written, but for ports: those of this machine may be taken."""

from __future__ import annotations

import re
import shlex
import sys
from typing import TYPE_CHECKING, Final

import httpx
import pytest

from tests.integration.service.harness import spantail_process
from tests.support.commands import run_command
from tests.support.programs.collectors import CONFIGURATION, running_collector
from tests.support.tools import ROOT
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.programs.jaegers import Jaeger

pytestmark = pytest.mark.xdist_group("jaeger")  # its Jaeger is started once

_TEXT: Final = (ROOT / "docs" / "how-to" / "around" / "jaeger.md").read_text(encoding="utf-8")
_BLOCKS: Final = [shlex.split(block, comments=True) for block in re.findall(r"(?s)```sh\n(.*?)```", _TEXT)]


def block_with(word: str) -> list[str]:
    """The words of the one block of code that has this one."""
    (block,) = [block for block in _BLOCKS if word in block]
    return block


def test_jaeger_is_where_the_collector_looks_for_it() -> None:
    (default,) = re.findall(r"JAEGER_ENDPOINT:-([^}]+)\}", CONFIGURATION.read_text(encoding="utf-8"))
    assert f"{default}:4317" in block_with("docker")
    assert f"receivers.otlp.protocols.grpc.endpoint={default}" in block_with("jaeger")


def test_it_works_as_it_is_written(jaeger: Jaeger, tmp_path: Path) -> None:
    *_, program, option, configuration = block_with("docker")
    assert (program, option) == ("otelcol-contrib", "--config")
    with running_collector(ROOT / configuration, env={"JAEGER_ENDPOINT": jaeger.otlp_grpc}) as collector:
        *exports, program, command = block_with("serve")
        assert (program, command) == ("spantail", "serve")
        ours = {"http://127.0.0.1:4318": collector.http, "http://localhost:16686": jaeger.query}
        given = dict(word.split("=", 1) for word in exports if word != "export")
        settings = {name: ours[address] for name, address in given.items()}
        assert settings.keys() == {"OTEL_EXPORTER_OTLP_ENDPOINT", "SPANTAIL_JAEGER_LINK"}
        data = str(tmp_path / "data")
        with spantail_process("serve", "--port", "0", "--data-dir", data, cwd=tmp_path, **settings) as service:
            service.await_ready()
            application = [sys.executable, str(ROOT / "examples" / "live_pipeline.py")]
            endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": settings["OTEL_EXPORTER_OTLP_ENDPOINT"]}
            done = run_command(service.url, "run", "--", *application, **endpoint)
            assert done.returncode == 0, done.stderr
            run_id = done.stdout.strip().rpartition("/")[2]
            link = httpx.get(f"{service.url}/api/runs/{run_id}").json()["links"]["jaeger"]
            assert link == jaeger.link(run_id)
            spans = httpx.get(f"{service.url}/api/traces/{run_id}").json()["spans"]
            eventually(
                lambda: len(jaeger.spans(run_id)) == len(spans),
                30,
                what=f"the run in Jaeger {jaeger.trace(run_id)} {spans}",
            )
            assert httpx.get(link).is_success
            assert service.stop() == 0

"""A real Prometheus on a port of its own, asked by its HTTP API."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import tools
from tests.support.programs.stopping import ended
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_START_S = 30
_STOP_S = 15
_ADDRESS = re.compile(r'msg="Listening on" address=(\S+)')


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A running Prometheus."""

    url: str
    process: subprocess.Popen[bytes]

    def query(self, promql: str) -> list[tuple[dict[str, str], float]]:
        """Every series of an instant query with its value; those of a scalar have no labels."""
        data = self.api("query", query=promql)
        if data["resultType"] == "scalar":
            return [({}, float(data["result"][1]))]
        return [(series["metric"], float(series["value"][1])) for series in data["result"]]

    def value(self, promql: str) -> float:
        """The value of a query that has one answer."""
        answers = self.query(promql)
        assert len(answers) == 1, (promql, answers)
        return answers[0][1]

    def exemplars(self, promql: str, start_s: float, end_s: float) -> list[dict[str, Any]]:
        """The exemplars of the series of a query, between two times in seconds since 1970."""
        series = self.api("query_exemplars", query=promql, start=str(start_s), end=str(end_s))
        return [exemplar for one in series for exemplar in one["exemplars"]]

    def api(self, path: str, /, **parameters: str) -> Any:
        """The `data` of an answer of `/api/v1/{path}`; an error fails the test with Prometheus' own words."""
        query = f"?{urllib.parse.urlencode(parameters)}" if parameters else ""
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/{path}{query}", timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            pytest.fail(f"Prometheus refused {path} {parameters}: {error.read().decode()}", pytrace=False)

    def reload(self) -> None:
        """Have it read its configuration and its rules again."""
        request = urllib.request.Request(f"{self.url}/-/reload", method="POST")
        with urllib.request.urlopen(request, timeout=10):
            pass


@contextlib.contextmanager
def running_prometheus(
    folder: Path,
    *,
    scrape: Mapping[str, str] | None = None,
    rules: Sequence[Path] = (),
    features: Sequence[str] = (),
    remote_write_receiver: bool = False,
    interval: str = "250ms",
    alertmanager: str = "",
) -> Iterator[Prometheus]:
    """Run a Prometheus until the block ends.

    Args:
        folder: An empty folder for its configuration, data and log.
        scrape: What it scrapes: job to `host:port`.
        rules: Its rule files.
        features: What `--enable-feature` names, for example `exemplar-storage`.
        remote_write_receiver: Whether it takes remote write, at `/api/v1/write`.
        interval: How often it scrapes and evaluates rules.
        alertmanager: `host:port` of the Alertmanager that it tells of alerts.
    """
    program = tools.prometheus()
    configuration = folder / "prometheus.json"  # JSON is YAML
    configuration.write_text(json.dumps(_configuration(scrape or {}, rules, interval, alertmanager)), encoding="utf-8")
    output = folder / "prometheus.log"
    command = [
        program,
        f"--config.file={configuration}",
        f"--storage.tsdb.path={folder / 'data'}",
        "--web.listen-address=127.0.0.1:0",
        "--web.enable-lifecycle",
        *(f"--enable-feature={feature}" for feature in features),
        *(["--web.enable-remote-write-receiver"] if remote_write_receiver else []),
    ]
    with (
        output.open("wb") as log,
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT) as process,
        ended(process, _STOP_S),
    ):
        address = eventually(lambda: _address(process, output), _START_S, what="Prometheus' address")
        url = f"http://{address}"
        eventually(lambda: _is_ready(url), _START_S, what="Prometheus' readiness")
        yield Prometheus(url, process)


def _configuration(
    scrape: Mapping[str, str], rules: Sequence[Path], interval: str, alertmanager: str
) -> dict[str, Any]:
    alerting = {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]} if alertmanager else {}
    return {
        "alerting": alerting,
        "global": {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval},
        "rule_files": [str(path) for path in rules],
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": [target]}]} for job, target in scrape.items()
        ],
        "storage": {"exemplars": {"max_exemplars": 10_000}},
    }


def _address(process: subprocess.Popen[bytes], output: Path) -> str:
    text = output.read_text(encoding="utf-8", errors="replace")
    if process.poll() is not None:
        pytest.fail(f"Prometheus ended with code {process.returncode}:\n{text}", pytrace=False)
    found = _ADDRESS.search(text)
    return found[1] if found else ""


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/-/ready", timeout=5):
            return True
    except OSError:
        return False

"""Work in several processes is one tree: the programs of `docs/how-to/connect/distributed.md`, as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.integration.service.harness import source_environment
from tests.support.runs.live_runs import StoredRun
from tests.support.tools import ROOT
from tests.support.waiting import eventually

_TIMEOUT_S = 60


def test_two_processes_make_one_tree(redis_url: str, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "how-to" / "connect" / "distributed.md").read_text(encoding="utf-8")
    first, second = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (tmp_path / "web.py").write_text(first + '\nprint(run.run_id)\nprint(carrier["traceparent"])\n')
    (tmp_path / "worker.py").write_text(second)
    environment = {
        **source_environment(),
        "SPANTAIL_REDIS_URL": redis_url,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
    }
    answer = subprocess.run(
        [sys.executable, "web.py"], cwd=tmp_path, env=environment, capture_output=True, text=True,
        timeout=_TIMEOUT_S, check=False,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    run_id, parent = answer.stdout.split()
    assert parent.split("-")[1] == run_id

    def is_settled() -> StoredRun | None:
        stored = StoredRun(redis_url, run_id)
        return stored if {span["status"] for span in stored.spans.values()} == {"ok"} else None

    stored = eventually(is_settled, what="the end of both")
    assert stored is not None
    spans = {span["name"]: span for span in stored.spans.values()}
    assert set(spans) == {"import jobs", "score"}
    assert spans["import jobs"]["parent_id"] is None
    assert spans["score"]["parent_id"] == spans["import jobs"]["span_id"] == parent.split("-")[2]
    assert (spans["import jobs"]["service"], spans["score"]["service"]) == ("web", "worker")
    assert spans["import jobs"]["runner"] != spans["score"]["runner"]
    assert [layer["name"] for layer in stored.layers] == ["score"]
    assert stored.meta["status"] == "completed"

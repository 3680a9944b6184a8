"""What KEDA asks Prometheus for, asked of a real one: the number of items of a real queue, however many serve it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
import yaml

from tests.integration.service.harness import spantail_process
from tests.support.programs.prometheuses import running_prometheus
from tests.support.tools import ROOT
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

ITEMS = 3
SOON_S = 60.0


@pytest.mark.slow
def test_it_counts_the_items_of_the_queue_once(new_redis_url: str, tmp_path: Path) -> None:
    scaled = yaml.safe_load((ROOT / "deploy/kubernetes/components/keda/scaled-object.yaml").read_text(encoding="utf-8"))
    (trigger,) = scaled["spec"]["triggers"]
    query = trigger["metadata"]["query"]
    serve = ("serve", "--port", "0", "--runners", "0")
    with (
        spantail_process(*serve, cwd=tmp_path, SPANTAIL_REDIS_URL=new_redis_url) as first,
        spantail_process(*serve, cwd=tmp_path, SPANTAIL_REDIS_URL=new_redis_url) as second,
    ):
        for service in (first, second):
            service.await_ready(SOON_S)
        targets = {job: one.url.removeprefix("http://") for job, one in (("first", first), ("second", second))}
        with running_prometheus(tmp_path, scrape=targets, interval="2s") as prometheus:
            eventually(lambda: prometheus.query(query) == [({}, 0.0)], SOON_S, what="an empty queue, not none")
            for number in range(ITEMS):
                body = {"operation": "job-search", "input": {"job_titles": [f"engineer {number}"]}}
                assert httpx.post(f"{first.url}/api/queue", json=body, timeout=10).status_code == httpx.codes.ACCEPTED
            eventually(lambda: prometheus.query(query) == [({}, float(ITEMS))], SOON_S, what="the items, once")
            pending = 'spantail_queue_items{state="pending"}'
            eventually(lambda: len(prometheus.query(pending)) == len(targets), SOON_S, what="both tell of them")

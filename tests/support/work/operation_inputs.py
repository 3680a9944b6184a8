"""An input for each operation, on jobs that the demo's job board has."""

from __future__ import annotations

from typing import Any

from spantail_service.demo.corpus import make_jobs
from spantail_service.demo.faults import seeded
from spantail_service.operations.catalogue import CATALOGUE
from spantail_service.operations.sources.himalayas import read_job


def an_input(name: str, seed: int = 0) -> dict[str, Any]:
    """What the demo would give the operation, but for jobs that have gone; `seed` is the job board's."""
    job_ids = [job.id for row in make_jobs(seed) if (job := read_job(row)) is not None]
    make = CATALOGUE[name].demo_input
    assert make is not None, f"{name} does not say how a demo input is made"
    given = make(seeded("checklist", name), job_ids)
    return {**given, "job_id": job_ids[0]} if "job_id" in given else given

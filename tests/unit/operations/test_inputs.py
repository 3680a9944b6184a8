"""Limits on what operations are asked for."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from spantail_service.operations.annotations.input import AnnotationInput
from spantail_service.operations.base import MAX_RUN_NAME
from spantail_service.operations.catalogue import CATALOGUE
from spantail_service.operations.job_search.input import JobSearchInput
from spantail_service.settings import LlmSettings


def test_the_smallest_search() -> None:
    search = JobSearchInput.model_validate({"job_titles": [" python developer "]})
    assert search.job_titles == ["python developer"]
    assert search.max_results == 12
    assert [source.value for source in search.sources] == ["himalayas", "indeed", "bayt"]


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"job_titles": []},
        {"job_titles": [""]},
        {"job_titles": ["   "]},
        {"job_titles": ["x" * 101]},
        {"job_titles": ["a\x00b"]},
        {"job_titles": ["a\nb"]},
        {"job_titles": ["x"] * 11},
        {"job_titles": ["x"], "max_results": 51},
        {"job_titles": ["x"], "max_results": 0},
        {"job_titles": ["x"], "sources": []},
        {"job_titles": ["x"], "sources": ["monster"]},
        {"job_titles": ["x"], "locations": ["x"] * 11},
        {"job_titles": ["x"], "unknown": 1},
    ],
)
def test_a_search_out_of_bounds_is_refused(payload: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        JobSearchInput.model_validate(payload)


@pytest.mark.parametrize("job_id", ["", "x" * 65, "a/b", "a b", "ä", "../x", "x\n"])
def test_a_job_id_out_of_bounds_is_refused(job_id: str) -> None:
    with pytest.raises(ValidationError):
        AnnotationInput.model_validate({"job_id": job_id})


def test_the_form_knows_what_belongs_into_the_path() -> None:
    schema = CATALOGUE["generate-annotations"].input_model.model_json_schema()
    assert schema["properties"]["job_id"]["x-in"] == "path"
    assert schema["properties"]["job_id"]["maxLength"] == 64


def test_a_model_cannot_pass_for_an_option() -> None:
    with pytest.raises(ValidationError):
        LlmSettings(claude_model="--dangerously-skip-permissions")


async def test_an_operation_refuses_another_ones_input() -> None:
    class Other(BaseModel):
        pass

    with pytest.raises(TypeError, match="JobSearchInput"):
        await CATALOGUE["job-search"].work(Other(), None)  # type: ignore[arg-type]


def test_runs_are_named_by_what_they_are_about() -> None:
    search, annotate = CATALOGUE["job-search"], CATALOGUE["generate-annotations"]
    asked = JobSearchInput.model_validate({"job_titles": ["nurse", "midwife"], "locations": ["Spain"]})
    assert search.run_name(asked) == "job search · nurse, midwife, Spain"
    assert annotate.run_name(AnnotationInput(job_id="nurse-7")) == "generate annotations · nurse-7"
    long = search.run_name(JobSearchInput.model_validate({"job_titles": ["x" * 100] * 10}))
    assert len(long) == MAX_RUN_NAME
    assert long.endswith("x…")
    with pytest.raises(TypeError, match="expected AnnotationInput"):
        annotate.run_name(asked)

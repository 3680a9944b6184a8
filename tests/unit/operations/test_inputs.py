"""Limits on what operations are asked for."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from spantail_service.operations.annotations.input import AnnotationInput
from spantail_service.operations.base import MAX_RUN_NAME
from spantail_service.operations.catalogue import CATALOGUE
from spantail_service.operations.cv_pipeline.input import CvPipelineInput
from spantail_service.operations.job_ingest.input import ImportInput, IngestInput
from spantail_service.operations.job_search.input import JobSearchInput
from spantail_service.operations.outreach.input import OutreachInput
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


@pytest.mark.parametrize(
    ("model", "payload"),
    [
        (IngestInput, {}),
        (IngestInput, {"keywords": []}),
        (IngestInput, {"keywords": ["a\nb"]}),
        (IngestInput, {"keywords": ["x"], "max_jobs": 51}),
        (IngestInput, {"keywords": ["x"], "sources": ["monster"]}),
        (IngestInput, {"keywords": ["x"], "profile": "x" * 4_001}),
        (IngestInput, {"keywords": ["x"], "job_ids": ["a"]}),
        (ImportInput, {"keywords": ["x"]}),
        (ImportInput, {"keywords": ["x"], "job_ids": []}),
        (ImportInput, {"keywords": ["x"], "job_ids": ["../x"]}),
        (ImportInput, {"keywords": ["x"], "job_ids": ["x"] * 21}),
    ],
)
def test_an_ingest_or_import_out_of_bounds_is_refused(model: type[BaseModel], payload: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        model.model_validate(payload)


@pytest.mark.parametrize("job_id", ["", "x" * 65, "a/b", "a b", "ä", "../x", "x\n"])
def test_a_job_id_out_of_bounds_is_refused(job_id: str) -> None:
    with pytest.raises(ValidationError):
        AnnotationInput.model_validate({"job_id": job_id})


CV = "# Ada\n\n## Experience\n\n### Engineer, Acme, 2019 - 2024"
POSTING = "An engineer is wanted who knows what an engine is and does."


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"cv": CV},
        {"cv": CV, "job_id": "a", "posting": POSTING},
        {"cv": "short", "posting": POSTING},
        {"cv": " " * 100, "posting": POSTING},
        {"cv": "x" * 30_001, "posting": POSTING},
        {"cv": CV + "\x00", "posting": POSTING},
        {"cv": CV, "posting": "short"},
        {"cv": CV, "posting": "x" * 20_001},
        {"cv": CV, "job_id": "../x"},
        {"cv": CV, "job_id": ""},
        {"cv": CV, "posting": POSTING, "max_words": 149},
        {"cv": CV, "posting": POSTING, "max_repairs": 6},
        {"cv": CV, "posting": POSTING, "unknown": 1},
    ],
)
def test_a_cv_pipeline_out_of_bounds_is_refused(payload: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        CvPipelineInput.model_validate(payload)


def test_the_smallest_cv_pipeline() -> None:
    asked = CvPipelineInput.model_validate({"cv": f"\n{CV}\n", "posting": f"# Engineer at Acme\n{POSTING}"})
    assert (asked.cv, asked.max_words, asked.max_repairs) == (CV, 600, 2)
    assert CATALOGUE["cv-pipeline"].run_name(asked) == "CV pipeline · Engineer at Acme"


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"job_id": "../x"},
        {"job_id": "a", "type": "friend"},
        {"job_id": "a", "index": -1},
        {"job_id": "a", "index": 10},
        {"job_id": "a", "index": "first"},
        {"job_id": "a", "channel": "fax"},
        {"job_id": "a", "about": "x" * 4_001},
        {"job_id": "a", "about": "x\x00"},
        {"job_id": "a", "unknown": 1},
    ],
)
def test_an_outreach_out_of_bounds_is_refused(payload: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        OutreachInput.model_validate(payload)


def test_an_outreach_takes_its_place_from_an_address() -> None:
    asked = OutreachInput.model_validate({"job_id": "a", "type": "peer", "index": "3"})
    assert (asked.type.value, asked.index, asked.channel.value, asked.about) == ("peer", 3, "email", "")
    assert CATALOGUE["contact-outreach"].run_name(asked) == "contact outreach · peer 3, a"


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

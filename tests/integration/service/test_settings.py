"""The settings class: where values come from, and that each is read by somebody."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from spantail_service.settings import (
    LlmSettings,
    Settings,
    as_environment,
    default_data_dir,
    setting_fields,
    setting_rows,
    without_password,
)
from tests.support.tools import ROOT

NAMES_AND_DEFAULTS = [
    ("SPANTAIL_HOST", "127.0.0.1"),
    ("SPANTAIL_PORT", "8321"),
    ("SPANTAIL_OTLP_GRPC_PORT", "4317"),
    ("SPANTAIL_WORKERS", "1"),
    ("SPANTAIL_DATA_DIR", ""),
    ("SPANTAIL_SHUTDOWN_S", "10.0"),
    ("SPANTAIL_TOKEN", ""),
    ("SPANTAIL_ALLOWED_HOSTS", ""),
    ("SPANTAIL_TRUSTED_PROXIES", ""),
    ("SPANTAIL_SESSION_S", "604800"),
    ("SPANTAIL_REDIS_URL", ""),
    ("SPANTAIL_REDIS_CONNECTIONS", "32"),
    ("SPANTAIL_REDIS_TIMEOUT_S", "5.0"),
    ("SPANTAIL_MAX_BODY_BYTES", "262144"),
    ("SPANTAIL_MAX_INGEST_BYTES", "16777216"),
    ("SPANTAIL_MAX_INGEST_DECODED_BYTES", "67108864"),
    ("SPANTAIL_MAX_RUNS", "32"),
    ("SPANTAIL_MAX_STARTS_PER_MINUTE", "120"),
    ("SPANTAIL_MAX_HEAVY_PER_MINUTE", "1200"),
    ("SPANTAIL_MAX_WAITERS", "4000"),
    ("SPANTAIL_TAIL_CACHE_BYTES", "67108864"),
    ("SPANTAIL_RUNNERS", "1"),
    ("SPANTAIL_RUNNER_CONCURRENCY", "4"),
    ("SPANTAIL_RUNNER_DRAIN_S", "30.0"),
    ("SPANTAIL_QUEUE_LEASE_S", "15.0"),
    ("SPANTAIL_QUEUE_MAX_ATTEMPTS", "3"),
    ("SPANTAIL_RUN_TIME_LIMIT_S", "3600.0"),
    ("SPANTAIL_JAEGER_LINK", ""),
    ("SPANTAIL_GRAFANA_LINK", ""),
    ("SPANTAIL_DEMO", "false"),
    ("SPANTAIL_HIMALAYAS_URL", "https://himalayas.app"),
    ("SPANTAIL_JOBSPY_PROXIES", ""),
    ("SPANTAIL_SOURCE_TIMEOUT_S", "30.0"),
    ("SPANTAIL_CACHE_TTL_S", "600.0"),
    ("SPANTAIL_STORED_JOBS", "2000"),
    ("SPANTAIL_LLM_BACKENDS", "claude_cli,langchain"),
    ("SPANTAIL_LLM_MODELS", ""),
    ("SPANTAIL_CLAUDE_COMMAND", "claude"),
    ("SPANTAIL_CLAUDE_HOME", ""),
    ("SPANTAIL_CLAUDE_MODEL", "claude-sonnet-4-5"),
    ("SPANTAIL_CLAUDE_SMALL_MODEL", "claude-haiku-4-5"),
    ("SPANTAIL_ANTHROPIC_BASE_URL", ""),
    ("SPANTAIL_ANTHROPIC_API_KEY", ""),
    ("SPANTAIL_FALLBACK_MODEL", "gpt-4o"),
    ("SPANTAIL_FALLBACK_SMALL_MODEL", "gpt-4o-mini"),
    ("SPANTAIL_EMBEDDING_MODEL", "text-embedding-3-small"),
    ("SPANTAIL_OPENAI_BASE_URL", ""),
    ("SPANTAIL_OPENAI_API_KEY", ""),
    ("SPANTAIL_OPENROUTER_BASE_URL", "https://openrouter.ai/api/v1"),
    ("SPANTAIL_OPENROUTER_API_KEY", ""),
    ("SPANTAIL_LLM_TIMEOUT_S", "60.0"),
    ("SPANTAIL_LLM_RETRY_AFTER_S", "5.0"),
    ("SPANTAIL_LLM_BREAKER_FAILURES", "5"),
    ("SPANTAIL_LLM_BREAKER_OPEN_S", "30.0"),
    ("SPANTAIL_LLM_MISSING_S", "300.0"),
    ("SPANTAIL_LLM_CONCURRENCY", "4"),
    ("SPANTAIL_BUDGET_RUN_USD", ""),
    ("SPANTAIL_BUDGET_SESSION_USD", ""),
    ("SPANTAIL_BUDGET_OPERATION_USD", ""),
    ("SPANTAIL_BUDGET_DAY_USD", ""),
    ("SPANTAIL_BUDGET_UNPRICED", "refuse"),
    ("SPANTAIL_BUDGET_AT_LIMIT", "finish"),
    ("SPANTAIL_NOTICE_WEBHOOK_URL", ""),
    ("SPANTAIL_NOTICE_WEBHOOK_SECRET", ""),
    ("SPANTAIL_NOTICE_ALLOW_PRIVATE", "false"),
    ("SPANTAIL_NOTICE_ALLOW_HTTP", "false"),
]
"""In the order of the documents."""


def test_each_setting_has_a_row_with_a_meaning() -> None:
    rows = {row.name: row for row in setting_rows()}
    assert set(rows) == {f"SPANTAIL_{name.upper()}" for name in setting_fields()}
    for row in rows.values():
        assert row.meaning.endswith("."), row
        assert "|" not in row.meaning + row.default, "it would break a Markdown table"


def test_names_and_defaults() -> None:
    assert [(row.name, row.default) for row in setting_rows()] == NAMES_AND_DEFAULTS


def test_each_setting_is_read_by_somebody() -> None:
    package = ROOT / "service" / "spantail_service"
    code = "\n".join(
        file.read_text(encoding="utf-8") for file in package.rglob("*.py") if file.parent.name != "settings"
    )
    methods = "\n".join(file.read_text(encoding="utf-8") for file in (package / "settings").glob("*.py"))
    for name in setting_fields():
        read = re.search(rf"settings\.(\w+\.)?{name}\b|\b{name}=settings", code)
        assert read or re.search(rf"\bself\.{name}\b", methods), f"nobody reads {name}"


def test_a_part_made_alone_has_the_same_defaults() -> None:
    assert Settings().llm == LlmSettings()


def test_a_name_stands_in_one_part_only() -> None:
    names = [name for field in Settings.model_fields.values() for name in getattr(field.annotation, "model_fields", ())]
    assert len(names) == len(set(names)) == len(setting_fields()) - 1  # `demo` is in no part


def test_names_that_are_not_there_are_refused() -> None:
    with pytest.raises(TypeError, match="no setting 'redis'"):
        Settings(redis="redis://a")
    with pytest.raises(ValidationError, match="not permitted"):
        LlmSettings.model_validate({"claude": "x"})


def test_a_copy_with_other_values() -> None:
    before = Settings(port=9)
    after = before.replaced(redis_url="redis://a", demo=True, himalayas_url="http://b")
    assert (after.storage.redis_url, after.demo, after.operations.himalayas_url) == ("redis://a", True, "http://b")
    assert after.server == before.server
    assert (before.storage.redis_url, before.demo) == (None, False)
    assert [name for name in setting_fields() if before.is_given(name)] == ["port"]


def test_every_wrong_value_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANTAIL_MAX_RUNS", "0")
    monkeypatch.setenv("SPANTAIL_DEMO", "7")
    with pytest.raises(ValidationError) as caught:
        Settings(host="")
    assert [error["loc"] for error in caught.value.errors()] == [("server", "host"), ("limits", "max_runs"), ("demo",)]


def test_environment_and_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_LIVETAIL_URL", "redis://a")
    assert Settings().storage.redis_url == "redis://a"
    monkeypatch.setenv("SPANTAIL_REDIS_URL", "redis://b")
    monkeypatch.setenv("SPANTAIL_PORT", "9")
    monkeypatch.setenv("SPANTAIL_HOST", "")
    monkeypatch.setenv("SPANTAIL_JOBSPY_PROXIES", "http://p1, http://p2,")
    settings = Settings()
    assert (settings.storage.redis_url, settings.server.port, settings.server.host) == ("redis://b", 9, "127.0.0.1")
    assert settings.operations.jobspy_proxies == ("http://p1", "http://p2")
    given = Settings(redis_url="redis://c", port=0)
    assert (given.storage.redis_url, given.server.port) == ("redis://c", 0)


def test_the_data_dir_is_the_users_unless_said_otherwise(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_data_dir() == tmp_path / "spantail"
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    assert default_data_dir() == Path.home() / ".local" / "share" / "spantail"
    assert Settings(data_dir=Path("here")).server.data_dir == Path.cwd() / "here"


@pytest.mark.parametrize("url", ["redis+cluster://a:1,b:2", "rediss+cluster://u:p@a", "rediss://a", "unix:///a.sock"])
def test_redis_is_one_server_or_a_cluster(url: str) -> None:
    assert Settings(redis_url=url).storage.redis_url == url
    with pytest.raises(ValidationError, match=r"must begin with one of redis://.*redis\+cluster://"):
        Settings(redis_url="redis+sentinel://a/mymaster")


def test_secrets_are_not_shown() -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(redis_url="http://user:secret@host")
    assert "secret" not in str(caught.value)
    assert "s3cret" not in repr(Settings(openai_api_key="s3cret"))
    assert without_password("redis://user:secret@host:1/2") == "redis://host:1/2"
    assert without_password("rediss://:p%40x@host?password=secret") == "rediss://host"
    assert without_password("redis://host:1/2") == "redis://host:1/2"
    assert without_password("unix:///a/b.sock") == "unix:///a/b.sock"


def test_a_child_process_gets_the_same_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANTAIL_PORT", "9")
    monkeypatch.setenv("SPANTAIL_OPENAI_API_KEY", "from the environment")
    before = Settings(redis_url="redis://a", jobspy_proxies="a,b", runners=3).replaced(
        demo=True, openai_api_key=SecretStr("demo"), openai_base_url="http://b"
    )
    more = as_environment(before)
    assert "SPANTAIL_PORT" not in more, "it is inherited"
    for name, value in more.items():
        monkeypatch.setenv(name, value)
    after = Settings()
    for part in ("server", "storage", "operations", "llm", "jobs", "demo"):
        assert getattr(after, part) == getattr(before, part)

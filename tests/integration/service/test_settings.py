"""The settings class: where values come from, and that each is read by somebody."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from spantail_service.app import work_settings
from spantail_service.operations import WorkSettings
from spantail_service.settings import Settings, default_data_dir, setting_rows, without_password
from tests.support.tools import ROOT


def test_each_setting_has_a_row_with_a_meaning() -> None:
    rows = {row.name: row for row in setting_rows()}
    assert set(rows) == {f"SPANTAIL_{name.upper()}" for name in Settings.model_fields}
    assert rows["SPANTAIL_PORT"].default == "8321"
    assert rows["SPANTAIL_DEMO"].default == "false"
    assert rows["SPANTAIL_REDIS_URL"].default == ""
    for row in rows.values():
        assert row.meaning.endswith("."), row
        assert "|" not in row.meaning + row.default, "it would break a Markdown table"


def test_each_setting_is_read_by_somebody() -> None:
    package = ROOT / "service" / "spantail_service"
    code = "\n".join(file.read_text(encoding="utf-8") for file in package.rglob("*.py") if file.name != "settings.py")
    for name in Settings.model_fields:
        assert re.search(rf"settings\.{name}\b|\b{name}=settings", code), f"nobody reads {name}"


def test_the_operations_settings_are_all_ours_too() -> None:
    assert set(WorkSettings.model_fields) <= set(Settings.model_fields)
    ours, theirs = work_settings(Settings()), WorkSettings()
    assert ours == theirs, "a default here differs from the default there"


def test_environment_and_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_LIVETAIL_URL", "redis://a")
    assert Settings().redis_url == "redis://a"
    monkeypatch.setenv("SPANTAIL_REDIS_URL", "redis://b")
    monkeypatch.setenv("SPANTAIL_PORT", "9")
    monkeypatch.setenv("SPANTAIL_HOST", "")
    monkeypatch.setenv("SPANTAIL_JOBSPY_PROXIES", "http://p1, http://p2,")
    settings = Settings()
    assert (settings.redis_url, settings.port, settings.host) == ("redis://b", 9, "127.0.0.1")
    assert settings.jobspy_proxies == ("http://p1", "http://p2")
    given = Settings(redis_url="redis://c", port=0)
    assert (given.redis_url, given.port) == ("redis://c", 0)


def test_the_data_dir_is_the_users_unless_said_otherwise(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_data_dir() == tmp_path / "spantail"
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    assert default_data_dir() == Path.home() / ".local" / "share" / "spantail"
    assert Settings(data_dir=Path("here")).data_dir == Path.cwd() / "here"


@pytest.mark.parametrize("url", ["redis+cluster://a:1,b:2", "rediss+cluster://u:p@a", "rediss://a", "unix:///a.sock"])
def test_redis_is_one_server_or_a_cluster(url: str) -> None:
    assert Settings(redis_url=url).redis_url == url
    with pytest.raises(ValidationError, match=r"must begin with one of redis://.*redis\+cluster://"):
        Settings(redis_url="redis+sentinel://a/mymaster")


def test_secrets_are_not_shown() -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(redis_url="http://user:secret@host")
    assert "secret" not in str(caught.value)
    assert "secret" not in repr(Settings(openai_api_key="secret"))
    assert without_password("redis://user:secret@host:1/2") == "redis://host:1/2"
    assert without_password("rediss://:p%40x@host?password=secret") == "rediss://host"
    assert without_password("redis://host:1/2") == "redis://host:1/2"
    assert without_password("unix:///a/b.sock") == "unix:///a/b.sock"

"""What an environment says: each mistake is found, and each finding says what to do."""

from __future__ import annotations

import pytest

from spantail_service.cli.commands.doctor import finding_lines
from spantail_service.client.terminal import ASCII, UNICODE
from spantail_service.doctor.environment import destinations_of, environment_findings, sends_authorization
from spantail_service.doctor.finding import Level, note, wrong
from spantail_service.doctor.installation import installation_findings
from spantail_service.doctor.reach import clock_finding

LIVE = {"SPANTAIL_REDIS_URL": "redis://127.0.0.1:6379/0"}


def found(environ: dict[str, str], level: Level = Level.WRONG) -> str:
    findings = environment_findings(environ)
    assert all(finding.advice for finding in findings if finding.level is Level.WRONG)
    return "\n".join(f"{finding.message} {finding.advice}" for finding in findings if finding.level is level)


def test_a_good_environment_has_nothing_to_mend() -> None:
    environ = {**LIVE, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}
    assert found(environ) == ""
    assert found(environ, Level.NOTE) == ""


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({**LIVE, "OTEL_SDK_DISABLED": "TRUE"}, "OTEL_SDK_DISABLED"),
        ({**LIVE, "OTEL_TRACES_SAMPLER": "always_off"}, "no trace is kept"),
        ({**LIVE, "OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}, "no trace"),
        ({"OTEL_TRACES_EXPORTER": "none"}, "spans go nowhere"),
        ({"OTEL_TRACES_EXPORTER": "livetail"}, "SPANTAIL_REDIS_URL"),
        ({"SPANTAIL_REDIS_URL": "http://host"}, "redis://host:6379/0"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318/v1/traces"}, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318"}, "/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4317"}, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
        ),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"}, "whole URL"),
        ({"SPANTAIL_STARTS": "redis"}, "SPANTAIL_STARTS=otlp"),
    ],
)
def test_what_keeps_spans_away_is_wrong(environ: dict[str, str], words: str) -> None:
    assert words in found(environ)


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({}, "Nothing in this environment says where spans go."),
        ({**LIVE, "OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.1"}, "10 % of the traces"),
        ({**LIVE, "OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.005"}, "0.5 % of the traces"),
        ({**LIVE, "OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "many"}, "no share"),
        ({**LIVE, "OTEL_TRACES_SAMPLER": "mine"}, "a sampler of its own"),
        ({**LIVE, "OTEL_EXPORTER_LIVETAIL_URL": "redis://other"}, "different servers"),
        ({**LIVE, "SPANTAIL_STARTS": "otlp"}, "no effect"),
        ({**LIVE, "OTEL_CONFIG_FILE": "otel.yaml"}, "configuration file"),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_BSP_SCHEDULE_DELAY": "60000"},
            "wait for up to 60 s",
        ),
    ],
)
def test_what_may_be_the_reason_is_a_note(environ: dict[str, str], words: str) -> None:
    assert words in found(environ, Level.NOTE)
    assert found(environ) == ""


def test_no_password_is_told() -> None:
    for url in ("redis://me:secret@host:1/0", "http://me:secret@host", "redis://me:secret@host:port/0"):
        environ = {"SPANTAIL_REDIS_URL": url, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://me:secret@host:1"}
        assert "secret" not in "".join(f"{one.message}{one.advice}" for one in environment_findings(environ))


def test_where_otlp_goes() -> None:
    assert destinations_of({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318/"}).otlp_url == "http://c:4318/v1/traces"
    assert destinations_of({"OTEL_TRACES_EXPORTER": "otlp"}).otlp_url == "http://localhost:4318/v1/traces"
    assert destinations_of({"SPANTAIL_STARTS": "otlp"}).otlp_url == "http://localhost:4318/v1/traces"
    assert (
        destinations_of({**LIVE, "OTEL_TRACES_EXPORTER": "livetail", "OTEL_EXPORTER_OTLP_ENDPOINT": "x"}).otlp_url
        is None
    )
    assert sends_authorization({"OTEL_EXPORTER_OTLP_HEADERS": "a=b, Authorization=Bearer%20x"})
    assert not sends_authorization({"OTEL_EXPORTER_OTLP_HEADERS": "a=authorization"})


def test_an_exporter_that_is_not_installed_is_found() -> None:
    environ = {"OTEL_TRACES_EXPORTER": "nowhere,otlp"}
    reported = [one for one in installation_findings(destinations_of(environ), environ) if one.level is Level.WRONG]
    assert [one.message for one in reported] == ["OTEL_TRACES_EXPORTER names 'nowhere': is not installed."]


@pytest.mark.parametrize(
    ("theirs", "level"),
    [(1_000_050_000, Level.OK), (1_001_000_000, Level.NOTE), (990_000_000, Level.WRONG), (1_010_000_000, Level.WRONG)],
)
def test_a_clock_is_measured_by_what_the_way_cannot_explain(theirs: int, level: Level) -> None:
    finding = clock_finding("Redis", theirs, 1_000_000_000, 1_000_100_000)
    assert finding.level is level
    assert ("NTP" in finding.advice) == (level is not Level.OK)


def test_a_slow_way_condemns_no_clock() -> None:
    assert clock_finding("Redis", 1_004_000_000, 1_000_000_000, 1_010_000_000).level is Level.OK


def test_findings_fit_80_columns_and_say_what_to_do_below() -> None:
    finding = wrong(
        "service", "x" * 30 + " it does not answer at this address, whatever is tried here " * 2, "Start it."
    )
    for glyphs in (UNICODE, ASCII):
        lines = [line.plain for line in finding_lines(finding, 80, glyphs)]
        assert max(map(len, lines)) <= 80
        assert lines[0].startswith(f"{glyphs.error} service")
        assert lines[-1].strip().endswith("Start it.")
    assert "\x1b" not in finding_lines(note("a", "b\x1b[2Jc"), 80, UNICODE)[0].plain

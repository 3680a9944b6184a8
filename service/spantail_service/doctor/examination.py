"""The whole examination, in the order in which a span travels; each step reports what it found as it goes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from spantail.setup.trace_exporters import exporters_asked_for, shown_url
from spantail.urls import split_url
from spantail_service.client.http import ServiceClient
from spantail_service.doctor.environment import Destinations, destinations_of, environment_findings, sends_authorization
from spantail_service.doctor.finding import Finding, Level, wrong
from spantail_service.doctor.installation import installation_findings
from spantail_service.doctor.live_tier import connect_finding, redis_findings
from spantail_service.doctor.probe import probe_live, probe_otlp
from spantail_service.doctor.reach import reach, runs_finding

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from opentelemetry.sdk.trace.export import SpanExporter


async def examine(
    url: str, token: str | None, environ: Mapping[str, str], *, send_probe: bool
) -> AsyncIterator[Finding]:
    """Every finding, as it is made. `environ` is the environment that the application has."""
    destinations = destinations_of(environ)
    for finding in installation_findings(destinations, environ):
        yield finding
    environment = environment_findings(environ)
    for finding in environment:
        yield finding
    async with ServiceClient(url, token) as client:
        reached = await reach(client)
        for finding in reached.findings:
            yield finding
        live_is_usable = destinations.redis_url is not None and not any(
            finding.subject == "live" and finding.level is Level.WRONG for finding in environment
        )
        if destinations.redis_url is not None and live_is_usable:
            found = await asyncio.to_thread(redis_findings, destinations.redis_url, reached.about)
            live_is_usable = not any(finding.level is Level.WRONG for finding in found)
            for finding in found:
                yield finding
        if destinations.redis_url is None and destinations.otlp_url is None and reached.usable:
            yield await asyncio.to_thread(connect_finding, url, reached.about)
        if not reached.usable:
            return
        yield await runs_finding(client)
        if not send_probe:
            return
        if destinations.redis_url is not None and live_is_usable:
            for finding in await probe_live(client, destinations.redis_url):
                yield finding
        async for finding in _probe_otlp(client, url, token, destinations, environ):
            yield finding


async def _probe_otlp(
    client: ServiceClient, url: str, token: str | None, destinations: Destinations, environ: Mapping[str, str]
) -> AsyncIterator[Finding]:
    if destinations.otlp_url is not None:
        is_ours = not destinations.is_grpc and _host_and_port(destinations.otlp_url) == _host_and_port(url)
        if is_ours and token and not sends_authorization(environ):
            yield wrong(
                "token",
                "The service wants a token, and the OTLP exporter sends none.",
                "Set OTEL_EXPORTER_OTLP_HEADERS='authorization=Bearer%20<token>' where the application runs.",
            )
            return
        asked = exporters_asked_for({**environ, "OTEL_TRACES_EXPORTER": "otlp"})
        if asked:
            for finding in await probe_otlp(client, lambda: asked[0].exporter, destinations.otlp_url, is_ours=is_ours):
                yield finding
    elif destinations.redis_url is None:
        endpoint = f"{url}/v1/traces"
        for finding in await probe_otlp(client, lambda: _http_exporter(endpoint, token), endpoint, is_ours=True):
            yield finding


def _http_exporter(endpoint: str, token: str | None) -> SpanExporter:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - of an extra
        OTLPSpanExporter,
    )

    return OTLPSpanExporter(endpoint=endpoint, headers={"authorization": f"Bearer {token}"} if token else {}, timeout=5)


def _host_and_port(url: str) -> tuple[str, int | None]:
    parts = split_url(shown_url(url))
    host = "127.0.0.1" if parts.hostname in ("localhost", "::1") else parts.hostname or ""
    return host, parts.port or (443 if parts.scheme == "https" else 80)

"""Programs that are no Python packages: where a test finds them. `make test` installs what it can."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.support.strict import missing

ROOT = Path(__file__).resolve().parents[2]
"""The checkout."""

TOOLS = ROOT / ".tools"
"""Where `make test-tools` puts what only tests need; ignored by git."""


def chromium() -> str:
    """Path of a Chromium or Chrome; SPANTAIL_TEST_CHROMIUM names one elsewhere."""
    named = os.environ.get("SPANTAIL_TEST_CHROMIUM")
    names = [named] if named else ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
    for name in names:
        if path := shutil.which(name):
            return path
    return missing("no Chromium on PATH: install your system's chromium package, or set SPANTAIL_TEST_CHROMIUM")


def firefox() -> str:
    """Path of a Firefox as its makers or a distribution ship it; SPANTAIL_TEST_FIREFOX names one elsewhere."""
    named = os.environ.get("SPANTAIL_TEST_FIREFOX")
    for name in [named] if named else ["firefox-esr", "firefox"]:
        if path := shutil.which(name):
            return path
    return missing("no Firefox on PATH: install your system's package firefox-esr, or set SPANTAIL_TEST_FIREFOX")


def claude_cli() -> str:
    """Path of the real Claude CLI (npm package @anthropic-ai/claude-code)."""
    path = TOOLS / "claude" / "node_modules" / ".bin" / "claude"
    if path.exists():
        return str(path)
    return missing("no Claude CLI: `make test-tools` installs it from npm")


def collector() -> str:
    """Path of a real OpenTelemetry Collector with the components that collector.yaml names."""
    path = TOOLS / "otelcol" / "otelcol"
    if path.exists():
        return str(path)
    return missing("no Collector: `make test-tools` builds it where Go is installed")


def jaeger() -> str:
    """Path of a real Jaeger: one program with receiver, storage in memory and query API."""
    path = TOOLS / "jaeger" / "jaeger"
    if path.exists():
        return str(path)
    return missing("no Jaeger: `make test-tools` builds it where Go is installed")


def prometheus() -> str:
    """Path of a real Prometheus."""
    return _on_path("prometheus", "prometheus")


def promtool() -> str:
    """Path of the program that checks rules and configuration of Prometheus."""
    return _on_path("promtool", "prometheus")


def alertmanager() -> str:
    """Path of a real Alertmanager."""
    return _on_path("prometheus-alertmanager", "prometheus-alertmanager")


def amtool() -> str:
    """Path of the program that checks Alertmanager's configuration."""
    return _on_path("amtool", "prometheus-alertmanager")


def haproxy() -> str:
    """Path of a real HAProxy."""
    return _on_path("haproxy", "haproxy")


def bubblewrap() -> str:
    """Path of the program that runs another one with a file system of its own."""
    path = _on_path("bwrap", "bubblewrap")
    tried = [path, "--unshare-user", "--ro-bind", "/", "/", "true"]
    if subprocess.run(tried, capture_output=True, timeout=30, check=False).returncode:
        missing("bubblewrap may not make namespaces here")
    return path


def systemd_analyze() -> str:
    """Path of the program that checks units of systemd."""
    return _on_path("systemd-analyze", "systemd")


def deploy_checks() -> Path:
    """Folder of what checks deployment files: the program `checks`, Python packages, packages of Node.js."""
    path = TOOLS / "checks"
    if (path / "checks").exists() and (path / "python").exists() and (path / "node" / ".complete").exists():
        return path
    return missing("nothing that checks deployment files: `make test-tools` gets it, where Go is installed")


def _on_path(program: str, package: str) -> str:
    if path := shutil.which(program):
        return path
    return missing(f"no {program} on PATH: install your system's package {package}")


def langchain_anthropic() -> str:
    """Folder with the packages that the backend `anthropic` needs beside the development environment."""
    path = TOOLS / "langchain-anthropic"
    if (path / "requirements.txt").exists():
        return str(path)
    return missing("no langchain-anthropic: `make test-tools` installs it")

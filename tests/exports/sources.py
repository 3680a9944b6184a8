"""The libraries whose exports are kept: what is installed for each, what is run, and with which settings."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from tests.support.tools import ROOT, TOOLS, claude_cli

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spantail_service.demo.server import DemoServer

HERE: Final = Path(__file__).parent
_APPS: Final = HERE / "apps"
_REQUIREMENTS: Final = HERE / "requirements"
_ANSWERS: Final = "What is tea? [[demo-usage cached=400 written=100]]"


class Source(NamedTuple):
    """An application that exports. `venv` names its requirements, empty for a program that is no Python.

    One for Node.js has in `script` its place in the checkout; `make test-tools` installs the packages of its lock file.
    """

    name: str
    venv: str
    settings: Mapping[str, str] = {}
    only_base: bool = False
    """Whether it is told the receiver's address by a setting of its own, and OpenTelemetry's would export twice."""
    has_logs: bool = False
    script: str = ""
    needs_redis: bool = False

    @property
    def is_installed(self) -> bool:
        """Whether it can run."""
        if self.script:
            return (TOOLS / self.script).with_name("node_modules").is_dir()
        return not self.venv or (venv_of(self.venv) / ".complete").exists()

    def command(self) -> list[str]:
        """What runs it."""
        if self.venv:
            return [str(venv_of(self.venv) / "bin" / "python"), str(_APPS / f"{self.name}.py")]
        if self.script:
            folder = (TOOLS / self.script).parent
            for file in (ROOT / self.script).parent.glob("*.mjs"):
                shutil.copy(file, folder)  # beside its packages
            return [str(ROOT / "deploy" / "node"), "node", str(TOOLS / self.script)]
        prompt = f'{_ANSWERS} [[demo-tool Bash {{"command": "echo tea"}}]]'
        return [
            claude_cli(), "-p", "--output-format", "json", "--model", "claude-sonnet-4-5", "--bare",
            "--allowedTools", "Bash", "--strict-mcp-config", "--no-session-persistence", prompt,
        ]  # fmt: skip

    def environment(self, demo: DemoServer, receiver: str, home: Path, redis_url: str = "") -> dict[str, str]:
        """The whole environment that it runs in: demo provider and receiver on loopback, nothing of the caller's."""
        signals = () if self.only_base else ("traces", "logs")
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "OPENAI_API_KEY": "sk-demo",
            "OPENAI_BASE_URL": demo.openai_url,
            "ANTHROPIC_API_KEY": "sk-demo",
            "ANTHROPIC_BASE_URL": demo.anthropic_url,
            "DEMO_URL": demo.url,
            "REDIS_URL": redis_url,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_SERVICE_NAME": "shop",
            "RECEIVER_URL": receiver,
            **{f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT": f"{receiver}/v1/{signal}" for signal in signals},
            **self.settings,
        }


_CLAUDE: Final = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "CLAUDE_CODE_ENABLE_TELEMETRY": "1",
    "CLAUDE_CODE_ENHANCED_TELEMETRY_BETA": "1",
    "CLAUDE_CODE_MAX_RETRIES": "0",
    "MAX_THINKING_TOKENS": "0",
    "OTEL_LOGS_EXPORTER": "otlp",
    "OTEL_LOG_TOOL_DETAILS": "1",
    "OTEL_LOG_USER_PROMPTS": "1",
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_TRACES_EXPORTER": "otlp",
}

_NODE: Final = {"OTEL_METRICS_EXPORTER": "none", "OTEL_NODE_RESOURCE_DETECTORS": "env"}

SOURCES: Final = (
    Source("logfire_openai", "logfire", only_base=True),
    Source("pydantic_ai_agent", "logfire", only_base=True),
    Source("openinference_langchain", "openinference"),
    Source("openinference_anthropic", "openinference"),
    Source("openllmetry", "openllmetry", {"TRACELOOP_TRACE_CONTENT": "true"}, only_base=True),
    Source("openlit_app", "openlit", only_base=True),
    Source("langfuse_app", "langfuse", only_base=True),
    Source("mlflow_app", "mlflow"),
    Source("litellm_app", "litellm", {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}),
    Source("litellm_in_a_span", "litellm", {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}),
    Source("official", "official"),
    Source("vercel_ai_sdk", "", _NODE, script="examples/vercel_ai_sdk/agent.mjs"),
    Source("vercel_ai_sdk_6", "", _NODE, script="tests/integration/clients/vercel_ai_sdk_6/agent.mjs"),
    Source(
        "nodejs_web_app",
        "",
        _NODE,
        has_logs=True,
        script="tests/integration/clients/nodejs_web_app/app.mjs",
        needs_redis=True,
    ),
    Source("claude_code", "", _CLAUDE, has_logs=True),
)


def venv_of(name: str) -> Path:
    """Where a virtual environment is; `SPANTAIL_TEST_EXPORTS` names another folder for all of them."""
    return Path(os.environ.get("SPANTAIL_TEST_EXPORTS") or TOOLS / "exports") / name


def install(name: str) -> None:
    """Set up the virtual environment `name` with exactly the packages that its requirements list."""
    folder, requirements = venv_of(name), _REQUIREMENTS / f"{name}.txt"
    mark = folder / ".complete"
    if mark.exists() and mark.read_bytes() == requirements.read_bytes():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    uv = [sys.executable, "-m", "uv", "--quiet"]
    subprocess.run([*uv, "venv", "--clear", "--python", sys.executable, str(folder)], check=True)
    python = str(folder / "bin" / "python")
    subprocess.run([*uv, "pip", "install", "--python", python, "--no-deps", "-r", str(requirements)], check=True)
    mark.write_bytes(requirements.read_bytes())

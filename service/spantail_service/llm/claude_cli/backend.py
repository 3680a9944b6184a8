"""The Claude CLI as a backend: `claude -p` as a subprocess, one per call."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from spantail.attributes import COST_NOTE
from spantail_service.llm.base import BackendError, Completion, Message, OnText, Tier
from spantail_service.llm.claude_cli.process import Finished, OutputTooLargeError, run_bounded
from spantail_service.llm.claude_cli.result import ClaudeResult, read_result
from spantail_service.llm.claude_cli.stream import ClaudeStream

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from spantail import LlmCall
    from spantail_service.settings import LlmSettings

_SYSTEM_PROMPT = "Answer the request exactly in the form it asks for. No tools are at hand."

# What the CLI needs to run at all; it gets nothing else of the environment.
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS")
_PROXIES = tuple(spelling for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY") for spelling in (name, name.lower()))
_CREDENTIALS = (
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "ANTHROPIC_BASE_URL",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "CLAUDE_CONFIG_DIR",
)


class ClaudeCli:
    """Backend `claude_cli`. Text and tokens come while it works, the cost at the end from the CLI itself, which sums up
    all that its process did (`spantail.cost.source` = `provider`; the note says that it is an estimate).

    Args:
        command: Name on PATH, or path.
        models: The model of each tier.
        home: Becomes the CLI's HOME; its login and its state live there.
        work_dir: An empty folder for it to run in, so that it picks up no project's instructions.
        environment: Where PATH, proxies and credentials are taken from.
        base_url: The only address that the CLI then talks to; credentials and proxies of the environment are
            not passed on.
        api_key: What it sends instead of its own login.
    """

    name = "claude_cli"
    provider = "anthropic"
    streams = True

    def __init__(
        self,
        *,
        command: str,
        models: Mapping[Tier, str],
        home: Path,
        work_dir: Path,
        environment: Mapping[str, str],
        base_url: str | None = None,
        api_key: str | None = None,
    ) -> None:
        self._command = command
        self._models = dict(models)
        self._work_dir = work_dir
        self._env = _environment(environment, home, base_url, api_key)

    @classmethod
    def from_settings(cls, settings: LlmSettings, models: Mapping[Tier, str], scratch: Path, *, demo: bool) -> Self:
        """The backend that the settings describe.

        Args:
            settings: The part of the settings that is about LLM backends.
            models: The model of each tier.
            scratch: An empty folder that lives as long as the backend.
            demo: The CLI gets a home of its own in `scratch`, where no home is set, and so finds no login.
        """
        work_dir = scratch / "work"
        home = settings.claude_home or (scratch / "home" if demo else Path.home())
        for folder in (work_dir, home):
            folder.mkdir(parents=True, exist_ok=True)
        key = settings.anthropic_api_key
        return cls(
            command=settings.claude_command,
            models=models,
            home=home,
            work_dir=work_dir,
            environment=os.environ,
            base_url=settings.anthropic_base_url,
            api_key=None if key is None else key.get_secret_value(),
        )

    def model_for(self, tier: Tier) -> str:
        """The model that serves a tier."""
        return self._models[tier]

    async def prepare(self) -> None:
        """See that the command is there."""
        self._path()

    async def complete(
        self, messages: Sequence[Message], *, tier: Tier, max_tokens: int, call: LlmCall, on_text: OnText
    ) -> Completion:
        """One run of the CLI."""

        def text(piece: str) -> None:
            call.chunk(piece)
            on_text(piece)

        def tokens(counts: dict[str, int]) -> None:
            read, written = counts["cache_read_input_tokens"], counts["cache_creation_input_tokens"]
            call.usage(
                input_tokens=counts["input_tokens"] + read + written,
                output_tokens=counts["output_tokens"],
                cache_read_tokens=read,
                cache_write_tokens=written,
            )

        stream = ClaudeStream(text, tokens)
        finished = await self._run(messages, self.model_for(tier), max_tokens, stream)
        if stream.result is None:
            raise _without_result(finished)
        result = read_result(stream.result)
        _report(result, call)
        if result.error is not None:
            again_s = None if stream.resets_at_s is None else max(0.0, stream.resets_at_s - time.time())
            words = result.text or "claude reported an error without a message"
            raise BackendError(result.error, words, retry_after_s=again_s)
        return Completion(result.text)

    def _path(self) -> str:
        path = shutil.which(self._command, path=self._env.get("PATH"))
        if path is None:
            raise BackendError("not_installed", f"command {self._command!r} is not on PATH")
        return path

    async def _run(self, messages: Sequence[Message], model: str, max_tokens: int, stream: ClaudeStream) -> Finished:
        path = self._path()
        try:
            finished = await run_bounded(
                [path, *arguments(model, bare="ANTHROPIC_API_KEY" in self._env)],
                stdin=as_prompt(messages).encode(),
                env={**self._env, "CLAUDE_CODE_MAX_OUTPUT_TOKENS": str(max_tokens)},
                cwd=self._work_dir,
                take=stream.feed,
            )
        except OSError as error:
            raise BackendError("not_installed", f"{path} could not be started: {error.strerror}") from error
        except OutputTooLargeError as error:
            raise BackendError("bad_response", f"claude wrote {error}") from error
        stream.end()
        return finished


def _report(result: ClaudeResult, call: LlmCall) -> None:
    """The final figures; those that were counted meanwhile stand where there are none."""
    if result.usage is not None:
        call.usage(
            input_tokens=result.usage.input,
            output_tokens=result.usage.output,
            cache_read_tokens=result.usage.cache_read,
            cache_write_tokens=result.usage.cache_write,
            cache_write_1h_tokens=result.usage.cache_write_1h,
            web_searches=result.usage.web_searches,
            service_tier=result.usage.service_tier,
            speed=result.usage.speed,
        )
    if result.cost_usd is not None:
        call.cost(result.cost_usd, source="provider")
        call.set(COST_NOTE, "the Claude CLI's own estimate")
    call.response(
        model=result.model,
        id=result.session_id,
        finish_reasons=[result.stop_reason] if result.stop_reason else None,
    )


def arguments(model: str, *, bare: bool) -> list[str]:
    """The CLI's arguments. No tool, skill, plugin, hook or MCP server is loaded, nothing is written to
    disk, and what is asked goes through standard input, where `ps` does not show it.

    `--bare` starts in half the time but reads no login, so it needs an API key; `--safe-mode` reads it.
    """
    return [
        "-p",
        "--output-format",
        "stream-json",
        "--include-partial-messages",
        "--verbose",  # without it the CLI refuses to stream
        "--model",
        model,
        "--bare" if bare else "--safe-mode",
        "--tools",
        "",
        "--strict-mcp-config",
        "--disable-slash-commands",
        "--no-session-persistence",
        "--system-prompt",
        _SYSTEM_PROMPT,
    ]


def as_prompt(messages: Sequence[Message]) -> str:
    """One text for standard input; roles are named only where there was a conversation."""
    if all(message["role"] != "assistant" for message in messages):
        return "\n\n".join(message["content"] for message in messages)
    return "\n\n".join(f"{message['role'].capitalize()}: {message['content']}" for message in messages)


def _environment(source: Mapping[str, str], home: Path, base_url: str | None, api_key: str | None) -> dict[str, str]:
    names = _PASSED_ON if base_url else (*_PASSED_ON, *_PROXIES, *_CREDENTIALS)
    env = {name: source[name] for name in names if source.get(name)}
    env["HOME"] = str(home)
    if base_url:
        env["ANTHROPIC_BASE_URL"] = base_url
    if api_key:
        env["ANTHROPIC_API_KEY"] = api_key
    env["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"] = "1"
    # Its own retries (ten, with backoff) would hide a rate limit for minutes; falling back is our task.
    env["CLAUDE_CODE_MAX_RETRIES"] = "0"
    env["MAX_THINKING_TOKENS"] = "0"
    return env


def _without_result(finished: Finished) -> BackendError:
    """The output is left out: it may hold what was asked or answered."""
    why = finished.stderr.decode(errors="replace").strip()
    said = f": {why}" if why else ""
    if finished.returncode:
        return BackendError("exit_code", f"claude ended with status {finished.returncode} and no result{said}")
    return BackendError("bad_response", f"claude printed no result{said}")

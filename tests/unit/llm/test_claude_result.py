"""What the Claude CLI prints, read without running it."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from spantail_service.llm.base import without_secrets
from spantail_service.llm.claude_cli.backend import ClaudeCli, arguments, as_prompt
from spantail_service.llm.claude_cli.result import ClaudeUsage, read_result

PRINTED: dict[str, Any] = {
    "type": "result",
    "subtype": "success",
    "is_error": False,
    "api_error_status": None,
    "result": "hello world",
    "stop_reason": "end_turn",
    "session_id": "f8ac5def",
    "total_cost_usd": 0.0011175,
    "ttft_ms": 330,
    "usage": {
        "input_tokens": 120,
        "cache_creation_input_tokens": 30,
        "cache_read_input_tokens": 50,
        "output_tokens": 42,
    },
    "modelUsage": {
        "claude-haiku-4-5": {"outputTokens": 400, "costUSD": 0.0001},
        "claude-sonnet-4-5": {"outputTokens": 42, "costUSD": 0.0010175},
    },
}


def printed(**changes: object) -> dict[str, Any]:
    """As the stream reads it: fractions are exact."""
    given: dict[str, Any] = json.loads(json.dumps({**PRINTED, **changes}), parse_float=Decimal)
    return given


def test_an_answer_with_its_cost_and_tokens() -> None:
    result = read_result(printed())
    assert (result.text, result.error) == ("hello world", None)
    assert result.cost_usd == Decimal("0.0011175")
    # Anthropic counts cached input beside the rest; the conventions count it in.
    assert result.usage == ClaudeUsage(input=200, output=42, cache_read=50, cache_write=30)
    assert result.model == "claude-sonnet-4-5"


def test_no_price_is_unknown_not_free() -> None:
    assert read_result(printed(total_cost_usd=0)).cost_usd is None
    assert read_result(printed(total_cost_usd=None)).cost_usd is None
    assert read_result(printed(total_cost_usd="a lot")).cost_usd is None
    assert read_result(printed(total_cost_usd=-1)).cost_usd is None


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (400, "bad_request"),
        (401, "auth"),
        (403, "auth"),
        (404, "not_found"),
        (429, "rate_limited"),
        (500, "server_error"),
        (503, "overloaded"),
        (529, "overloaded"),
        (599, "server_error"),
    ],
)
def test_a_refusal_by_status(status: int, reason: str) -> None:
    result = read_result(printed(is_error=True, api_error_status=status, usage={}, total_cost_usd=0))
    assert result.error == reason
    assert result.usage is None


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("Not logged in · Please run /login", "auth"),
        ("Invalid API key", "auth"),
        ("API Error: Unable to connect to API (ConnectionRefused)", "unreachable"),
        ("Claude AI usage limit reached", "rate_limited"),
        ("Something else", "bad_response"),
    ],
)
def test_a_refusal_by_words(words: str, reason: str) -> None:
    assert read_result(printed(is_error=True, result=words)).error == reason


def test_a_result_without_text_is_an_error() -> None:
    result = read_result(printed(result=None, subtype="error_max_turns"))
    assert (result.error, result.text) == ("bad_response", "error_max_turns")


def test_arguments_open_no_door() -> None:
    given = arguments("claude-sonnet-4-5", bare=True)
    assert given[given.index("--tools") + 1] == ""
    assert "--strict-mcp-config" in given
    assert "--no-session-persistence" in given
    assert not any("dangerously" in each for each in given)
    assert "--safe-mode" in arguments("m", bare=False)


def test_only_what_is_needed_of_the_environment_is_passed_on(tmp_path: Any) -> None:
    environment = {
        "PATH": "/bin",
        "HOME": "/root",
        "HTTPS_PROXY": "http://proxy",
        "ANTHROPIC_API_KEY": "sk-ant-real",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "SPANTAIL_TOKEN": "secret",
    }
    common = {"command": "claude", "models": {}, "home": tmp_path, "work_dir": tmp_path}
    real = ClaudeCli(**common, environment=environment)._env
    assert real["ANTHROPIC_API_KEY"] == "sk-ant-real"
    assert real["HTTPS_PROXY"] == "http://proxy"
    assert not {"AWS_SECRET_ACCESS_KEY", "SPANTAIL_TOKEN"} & real.keys()
    elsewhere = ClaudeCli(**common, environment=environment, base_url="http://127.0.0.1:1", api_key="demo")._env
    assert elsewhere["ANTHROPIC_API_KEY"] == "demo"
    assert "HTTPS_PROXY" not in elsewhere
    assert elsewhere["HOME"] == str(tmp_path)


def test_the_prompt_names_roles_only_in_a_conversation() -> None:
    assert as_prompt([{"role": "system", "content": "a"}, {"role": "user", "content": "b"}]) == "a\n\nb"
    talk = as_prompt([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}])
    assert talk == "User: a\n\nAssistant: b"


@pytest.mark.parametrize(
    "text",
    ["key sk-ant-api03-abcdefgh failed", "Authorization: Bearer abc.def", "x-api-key: 12345678", "api_key=abcdef12"],
)
def test_credentials_do_not_reach_a_message(text: str) -> None:
    cleaned = without_secrets(text)
    assert "[redacted]" in cleaned
    assert not any(secret in cleaned for secret in ("abcdefgh", "abc.def", "12345678", "abcdef12"))
    assert len(without_secrets("x" * 100_000)) <= 500

"""Backends one by one: the real CLI, processes that misbehave, and the demo provider they talk to."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import TYPE_CHECKING, Any

import httpx
import psutil
import pytest

from spantail import llm_call
from spantail_service.bounds.concurrency import in_thread, together
from spantail_service.demo.faults import Pace
from spantail_service.llm import BackendError, ChainError, LlmChain, Message, Restart
from spantail_service.llm.attempt import Question, Spent, TextSink
from spantail_service.llm.base import models_by_tier
from spantail_service.llm.claude_cli.backend import ClaudeCli
from spantail_service.llm.claude_cli.process import OutputTooLargeError, run_bounded
from tests.integration.operations.conftest import demo_world, settings_for, tools_for
from tests.integration.operations.traces import Traces, attributes, status
from tests.support.waiting import eventually_async

if TYPE_CHECKING:
    from pathlib import Path

    from opentelemetry.sdk.trace import ReadableSpan

ASK: list[Message] = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is this?"}]


QUESTION = Question(ASK, str, "middle", 300, TextSink(None), Spent())


def cli(command: str, folder: Path, base_url: str) -> ClaudeCli:
    return ClaudeCli(
        command=command,
        models=models_by_tier("claude-sonnet-4-5", "claude-haiku-4-5"),
        home=folder,
        work_dir=folder,
        environment=os.environ,
        base_url=base_url,
        api_key="demo-key-that-stays-home",
    )


def ignored(_text: str | Restart) -> None:
    """Nobody reads along."""


async def ask(backend: ClaudeCli, **changes: Any) -> str:
    with llm_call(backend="claude_cli", model="claude-sonnet-4-5") as call:
        answer = await backend.complete(
            ASK, **{"tier": "middle", "max_tokens": 300, "call": call, "on_text": ignored, **changes}
        )
    return answer.text


async def test_the_real_cli_answers_and_names_its_cost(traces: Traces, claude: str, tmp_path: Path) -> None:
    async with demo_world() as demo:
        text = await ask(cli(claude, tmp_path, demo.anthropic_url))
    assert text.startswith("This is the demo provider")
    said = attributes(traces.named("chat claude-sonnet-4-5"))
    assert said["spantail.cost.source"] == "provider"
    assert said["spantail.cost_usd"] > 0
    assert said["gen_ai.response.model"] == "claude-sonnet-4-5"
    assert said["gen_ai.usage.output_tokens"] > 0


@pytest.mark.parametrize(
    ("status_code", "reason"), [(401, "auth"), (429, "rate_limited"), (500, "server_error"), (529, "overloaded")]
)
async def test_the_real_cli_tells_why_it_failed(claude: str, tmp_path: Path, status_code: int, reason: str) -> None:
    asked = [*ASK, Message(role="user", content=f"[[demo-error {status_code}]]")]
    async with demo_world() as demo:
        backend = cli(claude, tmp_path, demo.anthropic_url)
        with pytest.raises(BackendError) as raised, llm_call(backend="claude_cli", model="m") as call:
            await backend.complete(asked, tier="middle", max_tokens=100, call=call, on_text=ignored)
    assert raised.value.reason == reason
    assert "demo-key" not in str(raised.value)


async def test_the_real_cli_without_a_server(claude: str, tmp_path: Path) -> None:
    with pytest.raises(BackendError) as raised:
        await ask(cli(claude, tmp_path, "http://127.0.0.1:9"))
    assert raised.value.reason == "unreachable"


def script(folder: Path, body: str) -> str:
    path = folder / "claude-script"
    path.write_text(f"#!{sys.executable}\n{body}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("body", "reason", "message"),
    [
        (
            "import sys; sys.exit('sk-ant-secret1234 is wrong')",
            "exit_code",
            "status 1 and no result: [redacted] is wrong",
        ),
        ("import os; os.kill(os.getpid(), 9)", "exit_code", "status -9 and no result"),
        ("print('not json')", "bad_response", "no result"),
        ("print('{}')", "bad_response", "no result"),
        ("import sys\nfor _ in range(200): sys.stdout.write('x' * 65536)", "bad_response", "more than it may"),
    ],
)
async def test_a_cli_that_talks_nonsense(tmp_path: Path, body: str, reason: str, message: str) -> None:
    with pytest.raises(BackendError) as raised:
        await ask(cli(script(tmp_path, body), tmp_path, "http://127.0.0.1:9"))
    assert raised.value.reason == reason
    assert message in str(raised.value)


async def test_text_and_tokens_come_while_the_real_cli_works(traces: Traces, claude: str, tmp_path: Path) -> None:
    heard: list[str | Restart] = []
    seen: list[dict[str, Any]] = []

    async with demo_world() as demo:
        with llm_call(backend="claude_cli", model="claude-sonnet-4-5") as call:

            def on_text(text: str | Restart) -> None:
                heard.append(text)
                seen.append(dict(call.span.attributes or {}))  # type: ignore[attr-defined]

            backend = cli(claude, tmp_path, demo.anthropic_url)
            answer = await backend.complete(ASK, tier="middle", max_tokens=300, call=call, on_text=on_text)
    assert len(heard) > 2
    assert "".join(map(str, heard)) == answer.text
    assert seen[0]["gen_ai.usage.input_tokens"] > 0, "tokens are there before the end"
    assert seen[0]["gen_ai.response.time_to_first_chunk"] > 0
    said = attributes(traces.named("chat claude-sonnet-4-5"))
    assert said["spantail.stream.chunks"] == len(heard)
    assert said["gen_ai.usage.output_tokens"] > seen[0]["gen_ai.usage.output_tokens"]
    assert said["spantail.cost.note"] == "the Claude CLI's own estimate"


async def test_tokens_of_a_cli_that_is_killed_are_known(traces: Traces, claude: str, tmp_path: Path) -> None:
    """The provider hangs in the middle of its answer, and the time is up."""
    async with demo_world(pace=Pace(scale=200.0)) as demo:
        settings = settings_for(demo, claude_command=claude, llm_timeout_s=4.0)
        async with tools_for(settings) as tools:
            asking = asyncio.create_task(tools.llm._attempts.make(tools.llm._backends[0], QUESTION, after=None))
            with pytest.raises(BackendError, match="no answer within 4 s"):
                await asking
    said = attributes(traces.named("chat claude-sonnet-4-5"))
    assert said["gen_ai.usage.input_tokens"] > 0
    assert said["gen_ai.usage.output_tokens"] > 0


async def test_the_prompt_is_not_on_the_command_line(tmp_path: Path) -> None:
    body = (
        "import json, sys\n"
        "print(json.dumps({'type': 'result', 'result': json.dumps([sys.argv[1:], sys.stdin.read()])}))"
    )
    arguments, given = json.loads(await ask(cli(script(tmp_path, body), tmp_path, "http://127.0.0.1:9")))
    assert given == "Be brief.\n\nWhat is this?"
    assert not any("What is this" in argument for argument in arguments)


class Kept:
    """Standard output, of which no more is taken than a thousand bytes."""

    def __init__(self) -> None:
        self.stdout = b""

    def take(self, data: bytes) -> bool:
        self.stdout += data
        if len(self.stdout) > 1_000:
            raise OutputTooLargeError
        return b"result" in self.stdout


@pytest.mark.parametrize(
    "command",
    ["echo result; exec sleep 300", "echo result; sleep 300 & exit 0"],
    ids=["a command that goes on after its result", "a child that holds its pipes"],
)
async def test_nothing_goes_on_for_long_after_the_result(tmp_path: Path, command: str) -> None:
    kept = Kept()
    await run_bounded(["/bin/sh", "-c", command], stdin=b"", env={}, cwd=tmp_path, take=kept.take, grace_s=0.2)
    assert kept.stdout == b"result\n"
    await eventually_async(lambda: not running_in(tmp_path), what="no process is left")


async def test_a_process_that_does_not_read_still_ends(tmp_path: Path) -> None:
    finished = await run_bounded(
        ["/bin/sh", "-c", "echo done; exit 3"],
        stdin=b"x" * 10_000_000,
        env={},
        cwd=tmp_path,
        take=(kept := Kept()).take,
    )
    assert (finished.returncode, kept.stdout) == (3, b"done\n")


def test_a_process_under_uvloop(tmp_path: Path) -> None:
    """The service's own loop, whose transports are not asyncio's."""
    uvloop = pytest.importorskip("uvloop")

    async def journey() -> None:
        kept = Kept()
        finished = await run_bounded(["cat"], stdin=b"fed", env={}, cwd=tmp_path, take=kept.take)
        assert (finished.returncode, kept.stdout) == (0, b"fed")
        endless = ["/bin/sh", "-c", "while :; do echo xxxxxxxxxxxxxxxx; done"]
        with pytest.raises(OutputTooLargeError):
            await run_bounded(endless, stdin=b"", env={}, cwd=tmp_path, take=Kept().take)
        with pytest.raises(OSError, match="No such file"):
            await run_bounded(["/no-such-program"], stdin=b"", env={}, cwd=tmp_path, take=Kept().take)
        hanging = ["/bin/sh", "-c", "sleep 300 & wait"]
        running = asyncio.create_task(run_bounded(hanging, stdin=b"", env={}, cwd=tmp_path, take=Kept().take))
        await eventually_async(lambda: len(running_in(tmp_path)) == 2, what="both run")
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await eventually_async(lambda: not running_in(tmp_path), what="no process is left")

    uvloop.run(asyncio.wait_for(journey(), 30))


async def test_output_beyond_its_limit_ends_the_process(tmp_path: Path) -> None:
    with pytest.raises(OutputTooLargeError):
        await run_bounded(
            ["/bin/sh", "-c", "while :; do echo xxxxxxxxxxxxxxxx; done"],
            stdin=b"",
            env={},
            cwd=tmp_path,
            take=Kept().take,
        )


async def test_a_process_cancelled_while_it_starts_leaves_nothing(tmp_path: Path) -> None:
    """Cancelled after each number of steps of the loop: before the start, in it, and after it."""
    for steps in range(12):
        running = asyncio.create_task(
            run_bounded(["/bin/sh", "-c", "sleep 300 & wait"], stdin=b"", env={}, cwd=tmp_path, take=Kept().take)
        )
        for _ in range(steps):
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.sleep(0)
        running.cancel()  # by somebody else: the first one's cleaning up must not suffer
        with pytest.raises(asyncio.CancelledError):
            await running
    await eventually_async(lambda: not running_in(tmp_path), what="no process is left")


def running_in(folder: Path) -> list[int]:
    """Processes whose working folder this is, orphans included."""
    return [
        process.pid
        for process in psutil.process_iter(["cwd", "status"])
        if process.info["cwd"] == str(folder) and process.info["status"] != psutil.STATUS_ZOMBIE
    ]


async def test_answers_nobody_can_read_count_as_failures(traces: Traces) -> None:
    def read(text: str) -> str:
        raise ValueError("the answer has the wrong form")

    async with demo_world() as demo, tools_for(settings_for(demo)) as tools:
        with pytest.raises(ChainError) as raised:
            await tools.llm.ask(ASK, read, name="ask")
    assert [failure.reason for failure in raised.value.failures] == ["not_installed", "bad_response"]
    call = traces.named("chat gpt-4o")
    assert status(call) == "error"
    assert attributes(call)["spantail.cost_usd"] > 0  # it was paid for nevertheless
    assert "demo provider" not in repr([dict(event.attributes or {}) for event in call.events])


async def test_no_more_calls_at_a_time_than_allowed(traces: Traces) -> None:
    gate = asyncio.Event()
    under_way = 0
    most = 0

    async def hold(path: str) -> None:
        nonlocal under_way, most
        if path.endswith("/chat/completions"):
            under_way += 1
            most = max(most, under_way)
            await gate.wait()
            under_way -= 1

    async with demo_world(hold=hold) as demo, tools_for(settings_for(demo, llm_concurrency=2)) as tools:
        slots = tools.llm._slots
        asking = asyncio.create_task(together(*(tools.llm.ask(ASK, str, name=f"ask {n}") for n in range(8))))
        await eventually_async(lambda: under_way == 2 and len(slots._waiters or ()) == 6, what="two go, six wait")
        gate.set()
        await asking
    assert most == 2


async def test_waiting_for_a_turn_is_seen(traces: Traces) -> None:
    """Only where there is waiting, and before the call's own span; a turn given up is free for the next."""
    gate = asyncio.Event()

    async def hold(_path: str) -> None:
        await gate.wait()

    def waits() -> list[ReadableSpan]:
        return [span for span in traces.of_kind("phase") if span.name == "waiting for a slot"]

    def waiting() -> list[str]:
        return [str(attributes(span)["spantail.progress.message"]) for span in waits()]

    async with demo_world(hold=hold) as demo, tools_for(settings_for(demo, llm_concurrency=1)) as tools:
        first, second, third = (asyncio.create_task(tools.llm.ask(ASK, str, name=name)) for name in ("a", "b", "c"))
        await asyncio.sleep(0)
        second.cancel()
        await eventually_async(lambda: second.done() and waiting() == ["for b"])
        assert status(waits()[0]) == "cancelled"
        gate.set()
        await asyncio.gather(first, third)
        assert waiting() == ["for b", "for c"]
        assert (waits()[1].end_time or 0) <= (traces.named("c").start_time or 0)
        traces.clear()
        await tools.llm.ask(ASK, str, name="d")
        assert waits() == []


def test_a_chain_needs_a_backend() -> None:
    with pytest.raises(ValueError, match="at least one"):
        LlmChain([], concurrency=1, timeout_s=1)


async def test_together_raises_the_failure_itself_and_ends_the_rest() -> None:
    ended: list[str] = []

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("endless")

    async def failing() -> None:
        await asyncio.sleep(0)
        raise LookupError("this one")

    with pytest.raises(LookupError, match="this one"):
        await together(endless(), failing())
    assert ended == ["endless"]


async def test_a_blocking_call_gives_its_value_or_its_error() -> None:
    def fail() -> None:
        raise LookupError("inside")

    assert await in_thread(lambda: 3, name="blocking") == 3
    with pytest.raises(LookupError, match="inside"):
        await in_thread(fail, name="blocking")


async def test_the_provider_speaks_both_apis() -> None:
    async with demo_world() as demo, httpx.AsyncClient() as http:
        chat = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
        openai = await http.post(f"{demo.openai_url}/chat/completions", json=chat)
        anthropic = await http.post(f"{demo.anthropic_url}/v1/messages", json={**chat, "max_tokens": 9})
        counted = await http.post(f"{demo.anthropic_url}/v1/messages/count_tokens", json=chat)
        texts = {"model": "e", "input": ["a", "b"], "dimensions": 8}
        vectors = await http.post(f"{demo.openai_url}/embeddings", json=texts)
        refused = await http.post(f"{demo.openai_url}/chat/completions", json=chat, headers={"x-demo-error": "429"})
        nonsense = [
            (await http.post(f"{demo.openai_url}/{path}", content=body)).status_code
            for path in ("chat/completions", "embeddings")
            for body in (b"", b"[]", b"{" * 5_000, b'{"input": [[1, 2]]}')
        ]
    text = openai.json()["choices"][0]["message"]["content"]
    assert text == anthropic.json()["content"][0]["text"]
    assert anthropic.json()["usage"]["output_tokens"] == openai.json()["usage"]["completion_tokens"]
    assert counted.json()["input_tokens"] == openai.json()["usage"]["prompt_tokens"]
    assert [len(each["embedding"]) for each in vectors.json()["data"]] == [8, 8]
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "1"
    assert refused.json()["error"]["type"] == "rate_limit_error"
    assert set(nonsense) <= {200, 400}


async def test_the_board_pages_as_the_real_one_does() -> None:
    async with demo_world() as demo, httpx.AsyncClient() as http:
        url = f"{demo.himalayas_url}/jobs/api"
        first = (await http.get(url, params={"limit": 500, "offset": 0})).json()
        second = (await http.get(url, params={"limit": 20, "offset": 20})).json()
        last = (await http.get(f"{url}/search", params={"q": "developer", "page": 1_000})).json()
        odd = await http.get(f"{url}/search", params={"q": "x" * 5_000, "page": "-1", "limit": "²"})
    assert len(first["jobs"]) == 20
    assert not {job["guid"] for job in first["jobs"]} & {job["guid"] for job in second["jobs"]}
    assert first["totalCount"] == second["totalCount"] > 200
    assert last["jobs"] == []
    assert odd.status_code == 200


async def test_the_demo_server_is_gone_afterwards() -> None:
    async with demo_world() as demo:
        url = demo.himalayas_url
    with pytest.raises(RuntimeError, match="not running"):
        _ = demo.url
    async with httpx.AsyncClient() as http:
        with pytest.raises(httpx.ConnectError):
            await http.get(f"{url}/jobs/api")

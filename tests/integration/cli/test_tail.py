"""`spantail tail` against a real service and a real Redis, in a pipe and on a terminal of 80 columns."""

from __future__ import annotations

import re
import signal
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from bench.support.ports import free_port
from tests.integration.service.harness import OTHER_RUN, ROOT_SPAN, RUN, START, Service, Writer, spantail_process
from tests.support.commands import SPANTAIL, command_environment, run_command
from tests.support.service.command import start
from tests.support.terminal import on_terminal
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

CALL = "00f067aa0ba902b8"
COLOUR = re.compile(rb"\x1b\[(?:\d+;)*(?:3|4|9|10)\d(?:;\d+)*m")


@pytest.fixture
def service(new_redis_url: str) -> Iterator[Service]:
    with spantail_process("serve", "--port", "0", "--redis-url", new_redis_url) as running:
        running.await_ready()
        yield running


@pytest.fixture
def writer(new_redis_url: str) -> Iterator[Writer]:
    with Writer(new_redis_url) as writer:
        yield writer


def start_call(writer: Writer, run_id: str = RUN) -> None:
    writer.span(
        run_id, CALL, parent_id=ROOT_SPAN, kind="llm_call", event="llm_call_start", name="chat gpt-4o-mini",
        model="gpt-4o-mini", backend="langchain", start=START + 1_000, fallback_from="claude_cli",
        fallback_reason="rate limited",
    )  # fmt: skip


def end_call(writer: Writer, run_id: str = RUN) -> None:
    writer.span(
        run_id, CALL, parent_id=ROOT_SPAN, kind="llm_call", event="llm_call_complete", name="chat gpt-4o-mini",
        model="gpt-4o-mini", backend="langchain", start=START + 1_000, end=START + 901_000, rev=2,
        tokens={"input": 412, "output": 96}, cost_nano=12_300_000, cost_usd=0.0123, cost_source="calculated",
        account="0 0 412 96 12300000 langchain\n",
    )  # fmt: skip


def end_root(writer: Writer, run_id: str = RUN, **fields: Any) -> None:
    writer.span(run_id, end=START + 2_000_000, **{"event": "operation_complete", **fields})


@contextmanager
def tail_in_a_pipe(url: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = start(
        [*SPANTAIL, "tail", *arguments],
        env=command_environment(url),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=10)


@pytest.mark.parametrize(
    ("status", "code"), [("ok", 0), ("error", 3), ("cancelled", 4)], ids=["completed", "failed", "cancelled"]
)
def test_json_is_every_event_and_the_exit_code_tells_the_outcome(
    service: Service, writer: Writer, status: str, code: int
) -> None:
    writer.span(RUN)
    writer.lines(RUN, 2_500)
    end_root(writer, status=status)
    done = run_command(service.url, "tail", RUN, "--json")
    assert done.returncode == code, done.stderr
    events = [orjson.loads(line) for line in done.stdout.splitlines()]
    assert [event["seq"] for event in events] == list(range(2_502))
    assert events[5]["exact"] == 9_007_199_254_740_991
    again = run_command(service.url, "tail", RUN[:8], "--json", "--since", "2500")
    assert len(again.stdout.splitlines()) == 2


def test_json_comes_while_the_run_goes_on(service: Service, writer: Writer) -> None:
    writer.span(RUN)
    with tail_in_a_pipe(service.url, f"{service.url}/runs/{RUN}", "--json") as tail:
        assert tail.stdout is not None
        assert orjson.loads(tail.stdout.readline())["event"] == "operation_start"
        start_call(writer)
        assert orjson.loads(tail.stdout.readline())["event"] == "llm_call_start"
        assert tail.poll() is None
        end_call(writer)
        end_root(writer)
        output, _ = tail.communicate(timeout=20)
        assert [orjson.loads(line)["event"] for line in output.splitlines()] == [
            "llm_call_complete",
            "operation_complete",
        ]
        assert tail.returncode == 0


def test_without_an_id_it_takes_the_next_run(service: Service, writer: Writer) -> None:
    end_root(writer, OTHER_RUN)
    with tail_in_a_pipe(service.url, "--json") as tail:
        assert tail.stderr is not None
        assert tail.stdout is not None
        assert "waiting for the next run" in tail.stderr.readline()
        assert tail.stderr.readline() == f"The newest one is over: spantail tail {OTHER_RUN[:8]}\n"
        writer.span(RUN, start=START + 1)
        assert orjson.loads(tail.stdout.readline())["run_id"] == RUN
        tail.send_signal(signal.SIGINT)
        tail.communicate(timeout=20)
        assert tail.returncode == 130


def test_without_an_id_it_takes_the_newest_that_runs(service: Service, writer: Writer) -> None:
    writer.span(RUN)
    end_root(writer, OTHER_RUN, start=START + 5)
    with tail_in_a_pipe(service.url) as tail:
        assert tail.stdout is not None
        assert tail.stdout.readline() == f"run {RUN}\n"


def test_a_pipe_gets_lines_and_a_summary(service: Service, writer: Writer) -> None:
    writer.span(RUN)
    start_call(writer)
    end_call(writer)
    writer.lines(RUN, 1)
    end_root(writer)
    done = run_command(service.url, "tail", RUN)
    assert "\x1b" not in done.stdout
    lines = [line.partition("  ")[2].strip() for line in done.stdout.splitlines()]
    assert "✓ langchain gpt-4o-mini  412→96  $0.0123 calculated  900 ms" in lines
    assert "INFO test: line 0" in lines
    assert "✓ job search  completed 2.00 s" in done.stdout
    assert "langchain  1 call  412→96  $0.0123" in done.stdout


def test_the_tree_at_80_columns_grows_and_stays_in_the_terminal(service: Service, writer: Writer) -> None:
    writer.span(RUN)
    start_call(writer)
    with on_terminal([*SPANTAIL, "tail", RUN], command_environment(service.url)) as terminal:
        eventually(lambda: "◐ langchain gpt-4o-mini  after claude_cli: rate limited" in terminal.text, what="the call")
        assert terminal.is_on_other_screen
        assert terminal.lines[0].startswith("◐ job search  running")
        assert terminal.lines[0].endswith(RUN[:8])
        assert "Ctrl-C leaves" in terminal.text
        end_call(writer)
        eventually(lambda: re.search(r"└ ✓ langchain .* 412→96 +\$0\.0123 +900 ms", terminal.text))
        terminal.resize(60, 18)
        eventually(lambda: max(map(len, terminal.lines)) <= 60 and "✓ langchain" in terminal.text)
        end_root(writer, status="error", error={"type": "ValueError", "message": "no"})
        assert terminal.ended() == 3
        assert b"\x1b[?1049l" in terminal.raw
        assert COLOUR.search(terminal.raw)
        assert "✗ job search  failed 2.00 s" in terminal.text
        assert terminal.raw.rstrip().find(b"\x1b[?25h") > 0


def test_ctrl_c_leaves_the_terminal_as_it_was_and_the_tree_in_it(service: Service, writer: Writer) -> None:
    writer.span(RUN)
    with on_terminal([*SPANTAIL, "tail"], command_environment(service.url, NO_COLOR="1")) as terminal:
        eventually(lambda: terminal.is_on_other_screen and "◐ job search" in terminal.text)
        terminal.press(b"\x03")
        assert terminal.ended() == 130
        assert not terminal.is_on_other_screen
        assert "Traceback" not in terminal.text
        assert "◐ job search  running" in terminal.text
        assert terminal.raw.rfind(b"\x1b[?25h") > terminal.raw.rfind(b"\x1b[?25l")
        assert not COLOUR.search(terminal.raw)


def test_a_dumb_terminal_gets_plain_lines(service: Service, writer: Writer) -> None:
    writer.span(RUN)
    end_root(writer)
    environment = command_environment(service.url, TERM="dumb")
    with on_terminal([*SPANTAIL, "tail", RUN], environment) as terminal:
        assert terminal.ended() == 0
        assert b"\x1b" not in terminal.raw
        assert terminal.raw.isascii()
        assert "+ job search" in terminal.text


def test_a_service_that_goes_and_comes_back_is_followed_on(new_redis_url: str, writer: Writer) -> None:
    port = str(free_port())
    writer.span(RUN)
    arguments = ("serve", "--port", port, "--redis-url", new_redis_url)
    environment = command_environment(f"http://127.0.0.1:{port}")
    with spantail_process(*arguments) as first:
        first.await_ready()
        terminal_of = on_terminal([*SPANTAIL, "tail", RUN], environment)
        with terminal_of as terminal, tail_in_a_pipe(f"http://127.0.0.1:{port}", RUN, "--json") as tail:
            assert tail.stdout is not None
            assert tail.stdout.readline()
            eventually(lambda: "◐ job search" in terminal.text)
            first.stop(signal.SIGKILL)
            start_call(writer)
            eventually(lambda: "reconnecting in" in terminal.text, what="the cut")
            with spantail_process(*arguments) as second:
                second.await_ready()
                eventually(lambda: "◐ langchain" in terminal.text and "reconnecting" not in terminal.text, 30)
                end_call(writer)
                end_root(writer)
                assert terminal.ended() == 0
                output, reported = tail.communicate(timeout=30)
                assert [orjson.loads(line)["seq"] for line in output.splitlines()] == [1, 2, 3]
                assert "Trying again" in reported
                assert tail.returncode == 0
                assert second.stop() == 0


def test_a_service_that_stays_away_is_given_up(new_redis_url: str, writer: Writer) -> None:
    writer.span(RUN)
    with spantail_process("serve", "--port", "0", "--redis-url", new_redis_url) as service:
        service.await_ready()
        with tail_in_a_pipe(service.url, RUN, "--json", "--give-up-after", "0.5") as tail:
            assert tail.stdout is not None
            assert tail.stdout.readline()
            service.stop(signal.SIGKILL)
            _, reported = tail.communicate(timeout=30)
            assert tail.returncode == 1
            assert "cannot be reached" in reported.splitlines()[-1]


def test_a_reader_that_goes_away_ends_it_without_a_word(service: Service, writer: Writer) -> None:
    writer.span(RUN)
    writer.lines(RUN, 5_000)
    with tail_in_a_pipe(service.url, RUN, "--json") as tail:
        assert tail.stdout is not None
        assert tail.stderr is not None
        tail.stdout.readline()
        tail.stdout.close()
        assert tail.wait(20) == 141
        assert tail.stderr.read() == ""
        tail.stdout = None


def test_what_is_not_there_is_said_with_what_to_do(service: Service) -> None:
    unknown = run_command(service.url, "tail", RUN)
    assert unknown.returncode == 6
    assert unknown.stdout == ""
    assert "spantail doctor" in unknown.stderr
    assert run_command(service.url, "tail", "4bf9").returncode == 6
    assert run_command(service.url, "tail", "no-run-id").returncode == 2
    away = run_command(f"http://127.0.0.1:{free_port()}", "tail", RUN)
    assert away.returncode == 1
    assert len(away.stderr.splitlines()) == 1


def test_the_token_is_sent_and_asked_for(new_redis_url: str, writer: Writer) -> None:
    end_root(writer)
    with spantail_process("serve", "--port", "0", SPANTAIL_REDIS_URL=new_redis_url, SPANTAIL_TOKEN="hush-" * 8) as own:
        own.await_ready()
        refused = run_command(own.url, "tail", RUN)
        assert refused.returncode == 1
        assert "SPANTAIL_TOKEN" in refused.stderr
        assert run_command(own.url, "tail", RUN, SPANTAIL_TOKEN="hush-" * 8).returncode == 0
        assert run_command(own.url, "tail", RUN, "--token", "hush-" * 8).returncode == 0
        wrong = run_command(own.url, "tail", RUN, SPANTAIL_TOKEN="other")
        assert wrong.returncode == 1
        assert "other" not in wrong.stdout
        assert own.stop() == 0

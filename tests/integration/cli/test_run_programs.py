"""`spantail run` with programs of every kind: on a terminal, in other languages, with odd arguments and ends."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.integration.service.harness import Service, spantail_process
from tests.support.commands import SPANTAIL, command_environment, run_command
from tests.support.strict import missing
from tests.support.terminal import on_terminal
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.xdist_group("run-programs")  # its service is started once

LINK = re.compile(r"^spantail: http://\S+/runs/([0-9a-f]{32})  (.*)$", re.MULTILINE)
TOKEN = "hush-%,=" * 4

NODE = """
const headers = {"content-type": "application/json"};
for (const pair of (process.env.OTEL_EXPORTER_OTLP_HEADERS ?? "").split(",").filter(Boolean)) {
  const at = pair.indexOf("=");
  headers[pair.slice(0, at)] = decodeURIComponent(pair.slice(at + 1));
}
const attributes = (process.env.OTEL_RESOURCE_ATTRIBUTES ?? "").split(",").map((pair) => pair.split("="));
attributes.push(["service.name", process.env.OTEL_SERVICE_NAME]);
const now = `${BigInt(Date.now()) * 1000000n}`;
const span = {traceId: "5b8efff798038103d269b633813fc60c", spanId: "eee19b7ec3c1b174", name: "from node", kind: 1,
  startTimeUnixNano: now, endTimeUnixNano: now};
const resource = {attributes: attributes.map(([key, value]) => ({key, value: {stringValue: value}}))};
const answer = await fetch(`${process.env.OTEL_EXPORTER_OTLP_ENDPOINT}/v1/traces`, {method: "POST", headers,
  body: JSON.stringify({resourceSpans: [{resource, scopeSpans: [{spans: [span]}]}]})});
console.log(process.env.OTEL_TRACES_EXPORTER ?? "its own", answer.status, JSON.stringify(process.argv.slice(2)));
process.exit(answer.ok ? 5 : 1);
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    data = str(tmp_path_factory.mktemp("data"))
    with spantail_process("serve", "--port", "0", "--data-dir", data, SPANTAIL_TOKEN=TOKEN) as running:
        running.await_ready()
        yield running
        assert running.stop() == 0


def run(service: Service, *command: str, given: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*SPANTAIL, "run", "--", *command],
        input=given, capture_output=True, env=command_environment(service.url, SPANTAIL_TOKEN=TOKEN), timeout=60,
        check=False,
    )  # fmt: skip


def node() -> str:
    found = shutil.which("node") or shutil.which("node", path=str(Path(sys.prefix) / "node" / "bin"))
    return found or missing("no Node.js on PATH")


def test_a_node_program_sends_where_its_environment_says(service: Service, tmp_path: Path) -> None:
    (tmp_path / "shop.mjs").write_text(NODE, encoding="utf-8")
    done = run(service, node(), str(tmp_path / "shop.mjs"), "a b")
    # `livetail` is a name that no other language's SDK knows
    assert (done.stdout, done.returncode) == (b'its own 200 ["a b"]\n', 5), done.stderr.decode()
    ((run_id, name),) = LINK.findall(done.stderr.decode())
    assert name == "from node"
    reported = httpx.get(f"{service.url}/api/runs/{run_id}", headers={"authorization": f"Bearer {TOKEN}"}).json()
    assert reported["service"] == "shop"


def test_arguments_and_streams_are_handed_on_byte_by_byte(service: Service) -> None:
    odd = ["a b", "", "*", "$HOME", "--", "--url", "--help", "-h", "é\n", "'\"", "\\"]
    script = "import os, sys; os.write(1, repr(sys.argv[1:]).encode() + os.read(0, 999)); os.write(2, b'\\xfe')"
    given = bytes(range(256))
    done = run(service, sys.executable, "-c", script, *odd, given=given)
    assert done.stdout == repr(odd).encode() + given
    assert done.returncode == 0
    said = done.stderr.split(b"\xfe")
    assert len(said) == 2
    assert said[1].startswith(b"spantail: no run of this program was seen.")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGSEGV, signal.SIGPIPE])
def test_a_program_that_a_signal_ends(service: Service, number: signal.Signals) -> None:
    script = f"import os, signal; signal.signal({number:d}, signal.SIG_DFL); os.kill(os.getpid(), {number:d})"
    assert run(service, sys.executable, "-c", script).returncode == 128 + number


@pytest.mark.parametrize("name", ["no-such-program-anywhere", "./no/such", "", "/"])
def test_what_is_no_program_is_said_in_a_line(service: Service, name: str) -> None:
    done = run(service, name)
    assert done.returncode in (126, 127)
    assert done.stdout == b""
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith(f"spantail: {name}" if name else "spantail: ''")


def test_without_a_program_the_usage_is_said() -> None:
    for arguments in (("run",), ("run", "--")):
        done = run_command("http://127.0.0.1:1", *arguments)
        assert done.returncode == 2
        assert "PROGRAM" in done.stderr


ASKS = """
import os, sys
print(sys.stdin.isatty(), sys.stdout.isatty(), sys.stderr.isatty(), os.get_terminal_size().columns, flush=True)
try:
    while line := input("> "):
        print("you said", line, flush=True)
        while line == "wait":
            pass
except KeyboardInterrupt:
    print("interrupted", flush=True)
    sys.exit(9)
"""


def test_on_a_terminal_the_program_has_the_terminal(service: Service) -> None:
    environment = command_environment(service.url, SPANTAIL_TOKEN=TOKEN)
    with on_terminal([*SPANTAIL, "run", "--", sys.executable, "-c", ASKS], environment, columns=77) as terminal:
        eventually(lambda: ">" in terminal.text)
        assert terminal.lines[0] == "True True True 77"
        terminal.press(b"hello\n")
        eventually(lambda: "you said hello" in terminal.text)
        terminal.press(b"wait\n")
        eventually(lambda: "you said wait" in terminal.text)
        terminal.press(b"\x03")
        assert terminal.ended() == 9
        assert terminal.text.count("interrupted") == 1  # once: by the terminal, not by us as well
        assert "Traceback" not in terminal.text


def test_the_window_s_size_reaches_it(service: Service) -> None:
    script = """
import os, signal
signal.signal(signal.SIGWINCH, lambda *_: print("now", os.get_terminal_size().columns, flush=True))
print("ready", flush=True)
input()
"""
    environment = command_environment(service.url, SPANTAIL_TOKEN=TOKEN)
    with on_terminal([*SPANTAIL, "run", "--", sys.executable, "-c", script], environment) as terminal:
        eventually(lambda: "ready" in terminal.text)
        terminal.resize(60, 20)
        eventually(lambda: "now 60" in terminal.text)
        terminal.press(b"\n")
        assert terminal.ended() == 0


def test_a_program_that_ends_by_itself_leaves_its_children_alone(service: Service) -> None:
    """A pipe that a child of the program keeps open is its own matter: we end when the program ends."""
    with subprocess.Popen(
        [*SPANTAIL, "run", "--", "/bin/sh", "-c", "sleep 60 >/dev/null 2>&1 & echo $!; exit 4"],
        env=command_environment(service.url, SPANTAIL_TOKEN=TOKEN), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        child = int(process.stdout.readline())
        assert process.wait(30) == 4
        subprocess.run(["kill", str(child)], check=True)

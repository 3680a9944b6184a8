"""`python -m tests.exports make|compare [NAME …]`: run the real libraries, keep what they export or see what changed.

Each runs in a virtual environment of its own against the demo provider, on loopback. `make` writes
`tests/fixtures/exports/NAME.jsonl` (OTLP JSON, a request a line) and `NAME.logs.jsonl`; `compare` prints what is
different from there and ends with 1. `install` only sets up the virtual environments.
"""

from __future__ import annotations

import argparse
import asyncio
import difflib
import json
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from spantail_service.demo.faults import Pace
from spantail_service.demo.server import DemoServer
from tests.exports.sink import Kept, otlp_sink
from tests.exports.sources import SOURCES, Source, install
from tests.exports.stable import stable_lines, without_times
from tests.support.redis.servers import NEW, running_redis
from tests.support.tools import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

KEPT: Final = ROOT / "tests" / "fixtures" / "exports"
_TIMEOUT_S: Final = 180


async def exported(source: Source) -> Kept:
    """Run `source` to its end and return what it has exported.

    Raises:
        RuntimeError: it failed, or exported nothing.
    """
    with ExitStack() as stack:
        kept = stack.enter_context(otlp_sink())
        home = stack.enter_context(tempfile.TemporaryDirectory())
        redis = stack.enter_context(running_redis(NEW, Path(home))).tcp_url if source.needs_redis else ""
        async with DemoServer(7, pace=Pace(0), rate_limited=0) as demo:
            process = await asyncio.create_subprocess_exec(
                *source.command(),
                env=source.environment(demo, kept.url, Path(home), redis),
                cwd=home,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            try:
                output, _ = await asyncio.wait_for(process.communicate(), _TIMEOUT_S)
            except TimeoutError:
                process.kill()
                raise
        if process.returncode or not kept.traces:
            raise RuntimeError(f"{source.name} ended with {process.returncode}:\n{output.decode(errors='replace')}")
    return kept


def files_of(source: Source, kept: Kept) -> dict[Path, list[str]]:
    """What is kept of an export: lines by file."""
    files = {KEPT / f"{source.name}.jsonl": stable_lines(kept.traces)}
    if source.has_logs:
        both = stable_lines([*kept.traces, *kept.logs])  # together: they speak of the same spans
        files = {
            KEPT / f"{source.name}.jsonl": both[: len(kept.traces)],
            KEPT / f"{source.name}.logs.jsonl": both[len(kept.traces) :],
        }
    return files


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.exports", description=__doc__)
    parser.add_argument("what", choices=["make", "compare", "install"])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(source.name for source in SOURCES))
    asked = parser.parse_args(arguments)
    unknown = set(asked.names) - {source.name for source in SOURCES}
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    chosen = [source for source in SOURCES if not asked.names or source.name in asked.names]
    for venv in dict.fromkeys(source.venv for source in chosen if source.venv):
        install(venv)
    if asked.what == "install":
        return 0
    changed = 0
    for source in chosen:
        for path, lines in files_of(source, asyncio.run(exported(source))).items():
            if asked.what == "make":
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
                print(f"{path.relative_to(ROOT)}: {sum(map(len, lines)):,} characters")
            else:
                changed += _differs(path, lines)
    return 1 if changed else 0


def _differs(path: Path, lines: Sequence[str]) -> bool:
    before = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    reported = list(
        difflib.unified_diff(
            _readable(before), _readable(lines), str(path.relative_to(ROOT)), "made afresh", lineterm="", n=2
        )
    )
    print("\n".join(reported) if reported else f"{path.relative_to(ROOT)}: as kept")
    return bool(reported)


def _readable(lines: Sequence[str]) -> list[str]:
    requests: list[Any] = [without_times(json.loads(line)) for line in lines]
    return json.dumps(requests, indent=1, ensure_ascii=False).splitlines()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

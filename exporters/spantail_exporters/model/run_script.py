"""The script that changes a run, and its calls: changes of one run to EVALSHA arguments.

Pure, for synchronous and asynchronous clients alike.
"""

from __future__ import annotations

import hashlib
from importlib import resources
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson

from spantail_exporters.model import keys
from spantail_exporters.model.changes import Changes
from spantail_exporters.model.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from spantail_exporters.model.changes import Change

_SCRIPTS: Final = resources.files(__package__) / "scripts"
_PARTS: Final = (
    "arguments", "state_text", "run",  # what is asked for, what is known, and what changes nothing
    "leftovers", "sources", "totals", "losses", "spans",
    "fold", "account", "layers", "root", "entry_size", "tail", "changes", "wrappers", "status",  # what comes of it
    "write",
)  # fmt: skip
"""The parts of the run script in `scripts/append/`, in their order: each may use what stands before it."""

SCRIPT: Final = "\n".join((_SCRIPTS / "append" / f"{part}.lua").read_text(encoding="utf-8") for part in _PARTS)
INDEX_SCRIPT: Final = (_SCRIPTS / "index.lua").read_text(encoding="utf-8")
SHA: Final = hashlib.sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()  # the name EVALSHA knows it by

_DEFAULTS: Final = Limits()


class Applied(NamedTuple):
    """What the script answers."""

    next_seq: int
    """The run's next sequence number."""
    duplicate: bool
    """Whether the batch had been applied before."""
    epoch: int
    """Another one when Redis lost the run."""
    start_us: int
    """When the run began."""
    settled: bool
    """Whether nothing more is expected."""
    tell_index: bool
    """Whether the index over runs has to learn of it."""
    status: str = "running"
    operation: str = ""
    """What the service that started the run calls it, else the name of its root; empty while neither is known."""
    added: int = 0
    """How many sequence numbers the call took; 0 of a duplicate."""


def append_arguments(
    run_id: str,
    changes: Iterable[Change],
    *,
    writer: str,
    writer_seq: int,
    now_us: int,
    drops: Mapping[str, int] | None = None,
    limits: Limits = _DEFAULTS,
    state: tuple[bytes, str] | None = None,
    silent_since: int | None = None,
    known: tuple[int, int] | None = None,
    confirmed: int = 0,
    after: int = 0,
) -> list[bytes | str | int]:
    """Build the arguments of `EVALSHA`: sha, number of keys, keys, values.

    Args:
        run_id: the run.
        changes: what has changed, in order.
        writer: who writes; empty for nobody who numbers his calls.
        writer_seq: the number of this call. One that is not above the last that this writer got applied to this run
            changes nothing, so that a call may be sent again.
        now_us: the time, in us.
        drops: adds to the run's counted losses, by reason.
        limits: how much of the run is kept, and for how long.
        state: replaces the run state: its JSON and its status.
        silent_since: the time (us) of the run's last write, after which it was silent for a minute: a run without a
            root settles if that is still so. Not with `state`.
        known: the epoch and the next sequence number that this writer was last answered.
        confirmed: the writer's last number that was applied to this run; less than that means that Redis lost
            something.
        after: the number of the writer's call just before this one, when its answer has not come yet: unless that one
            was applied, this one is refused (`is_behind`).
    """
    names = keys.run_keys(run_id)
    state_json, status = state or (b"", "" if silent_since is None else str(silent_since))
    values: list[bytes | str | int] = [
        SHA, len(names), *names,
        keys.channel(run_id), writer, writer_seq, now_us, *(known or ("", 0)), -after or confirmed,
        limits.tail_cap, limits.span_cap, limits.open_expiry_s, limits.settled_expiry_s,
        state_json, status,
        len(drops or ()),
    ]  # fmt: skip
    for reason, count in (drops or {}).items():
        values += (reason, count)
    packed = changes if isinstance(changes, Changes) else Changes(changes)
    values.append(len(packed.sources))
    for field, entry in packed.sources.items():
        values += (field, entry)
    values.append(b"\n".join(packed.lines))
    values += packed.values
    return values


def state_arguments(run_id: str, state_json: bytes, status: str, *, now_us: int) -> list[bytes | str | int]:
    """Build the arguments that only replace the run state (`run:{run_id}`) and settle the run if that ends it.

    `status` is `queued`, `running`, `completed`, `failed`, `cancelled` or `abandoned`.
    """
    return append_arguments(run_id, (), writer="", writer_seq=0, now_us=now_us, state=(state_json, status))


def is_behind(error: Exception) -> bool:
    """Whether a call was refused only because the one before it was (`after`)."""
    return str(error).startswith("BEHIND ")


def parse_reply(reply: Sequence[bytes | str | int]) -> Applied:
    """Read the script's reply."""
    next_seq, duplicate, epoch, start_us, settled, tell_index = map(int, reply[:6])
    status, operation = map(_text, reply[6:8])
    return Applied(
        next_seq,
        bool(duplicate),
        epoch,
        start_us,
        bool(settled),
        bool(tell_index),
        status,
        unquoted(operation),
        int(reply[8]),
    )


def _text(value: bytes | str | int) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def unquoted(text: str) -> str:
    """Read what JSON writes between the quotes of a string."""
    if "\\" not in text:
        return text
    try:
        return str(orjson.loads(f'"{text}"'))
    except orjson.JSONDecodeError:
        return text


_OPERATION_LENGTH: Final = 200  # characters by which runs can be found; a longer name is cut
_INDEX_KEYS: Final = (
    keys.RUNS_RECENT,
    keys.RUNS_FACTS,
    keys.RUNS_PINNED,
    keys.RUNS_CHANGES,
    keys.RUNS_UNBOOKED,
    keys.RUNS_OPERATIONS,
    keys.RUNS_EXPIRED,
)
_INDEX_HEAD: Final = (
    "EVAL", INDEX_SCRIPT, len(_INDEX_KEYS), *_INDEX_KEYS, keys.RUNS_INDEX, keys.RUNS_CHANNEL, keys.RUNS_RECENT_CAP,
)  # fmt: skip


def indexed_operation(operation: str) -> str:
    """Cut the name of an operation to what the index holds of it."""
    return operation[:_OPERATION_LENGTH]


def index_commands(run_id: str, applied: Applied) -> list[tuple[str | int, ...]]:
    """Name the commands that make the indices over runs true; they stand outside the script (another slot).

    They may be repeated: a writer sends them with the first reply about a run, and with each that is news. Of two
    writers that report a run in the wrong order, the later one stays.
    """
    return index_commands_of({run_id: applied})


def index_commands_of(runs: Mapping[str, Applied]) -> list[tuple[str | int, ...]]:
    """Name the commands that make the indices true of several runs at once."""
    entries: list[str | int] = []
    settled: list[str] = []
    unsettled: list[str] = []
    for run_id, applied in runs.items():
        operation = indexed_operation(applied.operation)
        entries += (
            run_id, applied.start_us, applied.status, operation, keys.operation_digest(operation) if operation else "",
            applied.epoch, applied.next_seq,
        )  # fmt: skip
        (settled if applied.settled else unsettled).append(run_id)
    commands: list[tuple[str | int, ...]] = [(*_INDEX_HEAD, "tell", *entries)] if entries else []
    if unsettled:
        commands.append(("SADD", keys.RUNS_OPEN, *unsettled))
    if settled:
        commands.append(("SREM", keys.RUNS_OPEN, *settled))
    return commands


def forget_command(run_id: str, held: bytes = b"", *, expired: bool) -> tuple[str | bytes | int, ...]:
    """Name the command that takes a run out of the indices; `runs:open` is not among them.

    With `expired` it is remembered that the run was here, and nothing is done when the index has learned of the run
    since it held `held` (its field of `keys.RUNS_FACTS`).
    """
    return (*_INDEX_HEAD, "expired" if expired else "deleted", run_id, held)

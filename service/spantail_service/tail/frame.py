"""Frames: what every way of following a run carries, put together from stored bytes (pure)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from spantail_service.runs.meta import RunMeta

FRAME_BYTES = 4 * 1024 * 1024
"""A frame ends after so many bytes of events, and with one event at least: it bounds what a slow viewer holds."""

_TIME: Final = re.compile(rb'"ts":(\d+)')


def newest_time_us(events: bytes) -> int | None:
    """When the last event of an entry happened, in microseconds since the epoch; None where it does not say."""
    found = _TIME.search(events, events.rfind(b"\n") + 1)  # it stands before all that an application has written
    return int(found[1]) if found else None


class Frame:
    """One answer to a reader: the JSON of a poll, ready to send. Shared by all readers at the same index."""

    __slots__ = ("_text", "body", "epoch", "events", "header", "next_index", "reset", "response", "settled")

    def __init__(
        self, body: bytes, header: FrameHeader, events: int, next_index: int, *, reset: bool, settled: bool
    ) -> None:
        self.body = body
        self.header = header
        self.epoch = header.meta.epoch
        self.events = events
        self.next_index = next_index
        self.reset = reset
        self.settled = settled
        """The run has settled and the reader has all of it."""
        self.response: Any = None
        """What the web side has made of `body`, kept here so that it is made once for all readers."""
        self._text: str | None = None

    @property
    def text(self) -> str:
        """`body` as text, decoded once for all readers."""
        if self._text is None:
            self._text = self.body.decode()
        return self._text


class FrameHeader:
    """What a frame says of the run itself, encoded once: all of a frame but its events."""

    __slots__ = ("head", "meta", "rest")

    def __init__(self, run_id: str, meta: RunMeta, layers: bytes) -> None:
        self.meta = meta
        # Status and run id are words of ours: they need no escaping.
        self.head = b'{"run_id":"%b","status":"%b","logs":[' % (run_id.encode(), meta.status.encode())
        self.rest = orjson.dumps(
            {
                "first_index": meta.first_index,
                "epoch": meta.epoch,
                "expected_log_count": meta.expected,
                "layers": orjson.Fragment(layers),
                "backends": meta.backends,
                "dropped": meta.dropped,
                **meta.marks,
            }
        )[1:]

    def says_the_same(self, other: FrameHeader | None) -> bool:
        """Whether a reader of both would see no difference."""
        return other is not None and (self.head, self.rest) == (other.head, other.rest)

    def frame(self, logs: Sequence[bytes], since: int, *, reset: bool = False) -> Frame:
        """A frame with the events from `since` on; fewer than given when they are too large for one frame."""
        logs, joined = _fitting(logs)
        next_index = since + len(logs)
        settled = self.meta.expected is not None and next_index >= self.meta.next_index
        body = self._body(joined, next_index, reset=reset)
        return Frame(body, self, len(logs), next_index, reset=reset, settled=settled)

    def page_back(self, logs: Sequence[bytes], before: int) -> Frame:
        """A frame with the last events before an index; those that are too large for one frame are the older ones."""
        newest, _ = _fitting(logs[::-1])
        joined = b",".join(newest[::-1])
        body = self._body(joined, before, reset=False)
        return Frame(body, self, len(newest), before, reset=False, settled=self.meta.expected is not None)

    def _body(self, logs: bytes, next_index: int, *, reset: bool) -> bytes:
        flag = b"true" if reset else b"false"
        return b'%b%b],"next_index":%d,"reset":%b,%b' % (self.head, logs, next_index, flag, self.rest)


def _fitting(logs: Sequence[bytes]) -> tuple[Sequence[bytes], bytes]:
    """As many of the first events as one frame takes, and these joined."""
    joined = b",".join(logs)
    if len(joined) <= FRAME_BYTES or len(logs) == 1:
        return logs, joined
    size = count = 0
    for event in logs:
        size += len(event) + 1
        if size > FRAME_BYTES and count:
            break
        count += 1
    return logs[:count], b",".join(logs[:count])


def numbered(entries: Iterable[tuple[int, int, bytes]], since: int, end: int | None = None) -> list[bytes]:
    """The events with `since <= seq < end` of tail entries (first seq, count, lines), each with its `seq` in front.

    Nothing is parsed: a stored event begins with a brace, and has no `seq` of its own.
    """
    logs = []
    for first, count, events in entries:
        if first >= since and (end is None or first + count <= end):
            for seq, event in enumerate(events.split(b"\n"), first):
                logs.append(b'{"seq":%d,%b' % (seq, event[1:]))
        else:
            for seq, event in enumerate(events.split(b"\n"), first):
                if since <= seq and (end is None or seq < end):
                    logs.append(b'{"seq":%d,%b' % (seq, event[1:]))
    return logs

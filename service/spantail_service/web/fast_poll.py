"""The fast path of `GET /api/logs/{run_id}`: a poll whose answer is in memory passes no framework.

A page polls five times a second, and mostly there is nothing new. Through the framework's middleware, routing and
parameter models such an answer takes four times as long as it takes the server to send it. What is not found here
(a long poll, paging backwards, a wrong parameter, a run that is not followed, a large answer) goes on to the route in
`routes/logs.py`, which answers the same and describes it in the OpenAPI document.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from spantail_service.tail import MAX_EVENTS
from spantail_service.web.compression import GZIP_FROM_BYTES
from spantail_service.web.headers import RAW_JSON_SECURITY_HEADERS

if TYPE_CHECKING:
    from starlette.types import Message, Scope

    from spantail_service.tail import Frame, TailHub

_PREFIX: Final = "/api/logs/"
_MOST_DIGITS = 15  # what JavaScript holds exactly, and surely less than the route takes
_MOST_EPOCH = 32
_LONGEST_QUERY = 100
_REMEMBERED = 4_096  # query strings: a poll with nothing new repeats itself


class _Asked(NamedTuple):
    since: int
    limit: int
    epoch: str | None


class FastPoll:
    """Finds the answers to polls in the hub's memory."""

    def __init__(self) -> None:
        self.hub: TailHub | None = None
        """`None` before the service has started."""
        self._queries: dict[bytes, _Asked | None] = {}

    def answer(self, scope: Scope) -> tuple[Message, Message] | None:
        """The answer to a poll that was let in, as ASGI takes it; None when the route has to find it."""
        path: str = scope["path"]
        if self.hub is None or not path.startswith(_PREFIX) or scope["method"] != "GET":
            return None
        query: bytes = scope["query_string"]
        if len(query) > _LONGEST_QUERY:
            return None  # what is remembered must not be as large as a caller likes
        try:
            asked = self._queries[query]
        except KeyError:
            if len(self._queries) >= _REMEMBERED:
                self._queries.clear()
            asked = self._queries[query] = _parse(query)
        if asked is None:
            return None
        # A run is known by its canonical id alone: whatever else stands there finds nothing.
        frame = self.hub.frame_in_memory(path[len(_PREFIX) :], asked.since, asked.limit, asked.epoch)
        if frame is None or len(frame.body) >= GZIP_FROM_BYTES:
            return None
        answer: tuple[Message, Message] | None = frame.response
        if answer is None:
            answer = frame.response = _response(frame)
        return answer


def _response(frame: Frame) -> tuple[Message, Message]:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(frame.body)),
        (b"cache-control", b"no-store"),
        *RAW_JSON_SECURITY_HEADERS,
    ]
    return (
        {"type": "http.response.start", "status": 200, "headers": headers},
        {"type": "http.response.body", "body": frame.body},
    )


def _parse(query: bytes) -> _Asked | None:
    """A plain poll's parameters; `None` for anything that is not one."""
    since, limit, epoch = 0, MAX_EVENTS, None
    seen = set()
    for part in query.split(b"&") if query else ():
        name, _, value = part.partition(b"=")
        if name in seen:
            return None
        seen.add(name)
        if name == b"since" and value.isdigit() and len(value) <= _MOST_DIGITS:
            since = int(value)
        elif name == b"limit" and value.isdigit() and len(value) <= _MOST_DIGITS and 1 <= int(value) <= MAX_EVENTS:
            limit = int(value)
        elif name == b"epoch" and value.isalnum() and len(value) <= _MOST_EPOCH:
            epoch = value.decode()
        elif name != b"wait" or value != b"0":
            return None
    return _Asked(since, limit, epoch)

"""Batches into Redis over one connection: the script, its loading, and which errors are worth another try."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from spantail_exporters.run_script import (
    SCRIPT,
    Limits,
    append_arguments,
    index_commands,
    parse_reply,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spantail_exporters.assembler import Batch

# The server is there but cannot take writes just now: the batch stays and is sent again.
_PASSING = ("OOM", "READONLY", "LOADING", "CLUSTERDOWN", "MASTERDOWN", "NOREPLICAS", "TRYAGAIN", "BUSY", "MISCONF",
            "NOAUTH", "WRONGPASS", "NOPERM", "max number of clients")  # fmt: skip


class Unavailable(Exception):
    """Redis cannot take writes now; what was not confirmed may be sent again without harm."""


class RedisWriter:
    """Sends batches in order. Not thread-safe: one thread owns it. Connects on first use.

    `url` is a Redis URL (`redis://`, `rediss://` or `unix://`); `timeout_s` bounds every wait on the socket.
    """

    def __init__(self, url: str, *, writer: str, limits: Limits | None = None, timeout_s: float = 5.0) -> None:
        self._writer = writer
        self._limits = limits or Limits()
        # retries are decided here, where it is known that a batch may be sent twice, not inside the client
        self._client: redis.Redis = redis.Redis.from_url(
            url,
            socket_timeout=timeout_s,
            socket_connect_timeout=min(timeout_s, 2.0),
            retry=Retry(NoBackoff(), 0),
            max_connections=1,
        )

    def send(self, batches: Sequence[Batch]) -> list[tuple[Batch, str]]:
        """Apply batches in order and return those that Redis refused for good, with its words.

        Raises `Unavailable` when Redis cannot be reached or cannot write now; then any of the batches may or may
        not have been applied, and all may be sent again.
        """
        now_us = time.time_ns() // 1000
        calls = [
            append_arguments(
                batch.run_id,
                batch.changes,
                writer=self._writer,
                writer_seq=batch.writer_seq,
                now_us=now_us,
                drops=batch.drops,
                limits=self._limits,
            )
            for batch in batches
        ]
        replies = self._execute([("EVALSHA", *call) for call in calls])
        missing = [i for i, reply in enumerate(replies) if isinstance(reply, redis.exceptions.NoScriptError)]
        if missing:
            again = self._execute([("SCRIPT LOAD", SCRIPT), *(("EVALSHA", *calls[i]) for i in missing)])[1:]
            for i, reply in zip(missing, again, strict=True):
                replies[i] = reply
        refused: list[tuple[Batch, str]] = []
        index: list[tuple[str | int, ...]] = []
        for batch, reply in zip(batches, replies, strict=True):
            if isinstance(reply, Exception):
                words = str(reply)
                if isinstance(reply, redis.exceptions.ConnectionError) or any(word in words for word in _PASSING):
                    raise Unavailable(words) from reply
                refused.append((batch, words))
            else:
                index += index_commands(batch.run_id, parse_reply(reply))
        if index:
            self._execute(index)
        return refused

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _execute(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        try:
            with self._client.pipeline(transaction=False) as pipeline:
                for command in commands:
                    pipeline.execute_command(*command)  # type: ignore[no-untyped-call]
                return pipeline.execute(raise_on_error=False)
        except (redis.exceptions.RedisError, OSError) as error:
            self._client.connection_pool.disconnect()  # a half-read reply must not meet the next command
            raise Unavailable(str(error) or type(error).__name__) from error

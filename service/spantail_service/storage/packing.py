"""Commands to Redis packed by hiredis on asynchronous connections too.

redis-py's asynchronous client packs in Python whatever parser is installed: 0.5 us an argument, which is more than
half of what storing a span took. Its synchronous client packs with hiredis.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import hiredis
from redis.exceptions import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from redis.asyncio import ConnectionPool


class _Packing:
    """The two methods of `redis.asyncio.Connection` that turn commands into bytes."""

    def pack_command(self, *args: Any) -> list[bytes]:
        if isinstance(args[0], str):
            args = (*args[0].split(), *args[1:])  # redis-py writes some names as two words: `SCRIPT LOAD`
        try:
            return [hiredis.pack_command(args)]
        except TypeError as error:
            raise DataError(str(error)) from error

    def pack_commands(self, commands: Iterable[Iterable[Any]]) -> list[bytes]:
        return [chunk for command in commands for chunk in self.pack_command(*command)]


def pack_with_hiredis(pool: ConnectionPool) -> None:
    """Let the connections that `pool` will open pack with hiredis."""
    plain = pool.connection_class
    pool.connection_class = type(f"Packing{plain.__name__}", (_Packing, plain), {})

"""Which errors of Redis pass by themselves, and which say that we asked for something wrong.

Redis begins an error with a code in capital letters. redis-py takes the code off where it has a class for it, writes
"Command # 2 (SET a 1) of pipeline caused error: " in front of one that came in a pipeline, and leaves it alone
otherwise. Redis before 7 writes "ERR Error running script …: -" in front of the code of a command in a script.
"""

from __future__ import annotations

import re
from typing import Final

from redis.exceptions import (
    AskError,
    ClusterDownError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

REDIS_UNREACHABLE: Final = (
    RedisConnectionError,  # also wrong credentials, LOADING, and a pool that is used up
    RedisTimeoutError,
    ReadOnlyError,
    OutOfMemoryError,
    NoPermissionError,
    ClusterDownError,  # also MASTERDOWN
    TryAgainError,
)
"""For `except`: what redis-py raises while Redis cannot be used, as far as a class of its own tells."""

_CODES: Final = frozenset({
    "ASK", "BUSY", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "MISCONF", "MOVED", "NOAUTH", "NOPERM", "NOREPLICAS",
    "NOSCRIPT", "OOM", "READONLY", "TRYAGAIN", "UNBLOCKED", "WRONGPASS",
})  # fmt: skip
_CODE: Final = re.compile(r"(?:(?:ERR )?Error running script .*?: -)?([A-Z]+)(?: |$)")


class Unavailable(Exception):
    """Redis cannot take writes now; what was not confirmed may be sent again without harm."""


def code_of(error: Exception) -> str:
    """Return the code that the text of an error begins with; empty where there is none, or redis-py took it off."""
    text = str(error)
    if text.startswith("Command # "):
        text = text.rpartition(") of pipeline caused error: ")[2]  # the command may hold anything, these words too
        text = text.removeprefix("('").removeprefix('("')  # the asynchronous client writes the error's `args`
    found = _CODE.match(text)
    return found[1] if found else ""


def will_be_back(error: Exception) -> bool:
    """Whether the same command may succeed later: Redis cannot be reached, or the state it is in forbids it.

    That is also so for a server that is no longer the right one (MOVED, ASK) or does not know the script (NOSCRIPT).
    """
    if isinstance(error, (*REDIS_UNREACHABLE, AskError, NoScriptError)):
        return True
    return isinstance(error, RedisError) and code_of(error) in _CODES

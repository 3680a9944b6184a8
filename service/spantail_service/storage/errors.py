"""Which of Redis' errors say that it cannot be used just now, and will be back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from redis.exceptions import (
    BusyLoadingError,
    ClusterDownError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

if TYPE_CHECKING:
    from redis.exceptions import ResponseError

REDIS_UNREACHABLE: Final = (
    RedisConnectionError,
    RedisTimeoutError,
    BusyLoadingError,
    ReadOnlyError,
    OutOfMemoryError,
    NoPermissionError,
    ClusterDownError,
    TryAgainError,
)
"""What redis-py raises when Redis cannot be used just now. `RedisConnectionError` covers wrong credentials
and an exhausted pool too; anything else it raises is a defect of ours."""

RETRY_AFTER_S: Final = 1
"""After how many seconds a caller may try again while Redis cannot be reached."""

_PASSING = ("MISCONF", "NOREPLICAS", "BUSY")  # redis-py has no classes for these


def is_passing(error: ResponseError) -> bool:
    """Whether Redis refused because of the state it is in (cannot persist, no replica), not because of us.

    Of a transaction or a pipeline the text begins with which of its commands it was.
    """
    return any(word in str(error) for word in _PASSING)

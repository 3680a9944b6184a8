"""Which replies of Redis are worth another try, by their words as servers send them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.connection import DefaultParser
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError, WatchError
from redis.exceptions import TimeoutError as RedisTimeoutError

from spantail_exporters.redis.errors import REDIS_UNREACHABLE, code_of, will_be_back

if TYPE_CHECKING:
    from collections.abc import Callable

PASSING = [
    "ASK 3999 127.0.0.1:6381",
    "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
    "CLUSTERDOWN Hash slot not served",
    "CLUSTERDOWN The cluster is down",
    "LOADING Redis is loading the dataset in memory",
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
    "MISCONF Errors writing to the AOF file: No space left on device",
    "MOVED 3999 127.0.0.1:6381",
    "NOAUTH Authentication required.",
    "NOPERM User default has no permissions to run the 'set' command",
    "NOREPLICAS Not enough good replicas to write.",
    "NOSCRIPT No matching script. Please use EVAL.",
    "OOM command not allowed when used memory > 'maxmemory'.",
    "OOM command not allowed when used memory > 'maxmemory'. script: 1fa0, on @user_script:1.",
    "READONLY You can't write against a read only replica.",
    "TRYAGAIN Multiple keys request during rehashing of slot",
    "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
    "WRONGPASS invalid username-password pair or user is disabled.",
    "ERR Error running script (call to f_1fa0): @user_script:9: @user_script: 9: -OOM command not allowed",
    "Error running script (call to f_1fa0): @user_script:1: -READONLY You can't write against a read only replica.",
]

FINAL = [
    "BUSYGROUP Consumer Group name already exists",
    "BUSYKEY Target key name already exists.",
    "CROSSSLOT Keys in request don't hash to the same slot",
    "ERR unknown command 'BUSY', with args beginning with: 'MISCONF' ",
    "ERR value is not an integer or out of range",
    "ERR The BUSY state of this key is MISCONF",
    "ERR Error running script (call to f_1fa0): @user_script:3: user_script:3: too many results to unpack",
    "EXECABORT Transaction discarded because of previous errors.",
    "NOGROUP No such key 'jobs' or consumer group 'g' in XREADGROUP with GROUP option",
    "NOTBUSY No scripts in execution right now.",
    "WRONGTYPE Operation against a key holding the wrong kind of value",
    "BEHIND 3",
    "user_script:3: too many results to unpack",
    "",
]


def as_it_came(reply: str) -> Exception:
    """Our own reader keeps the code."""
    return ResponseError(reply)


def by_redis_py(reply: str) -> Exception:
    error = DefaultParser.parse_error(reply)  # type: ignore[no-untyped-call]
    assert isinstance(error, Exception)
    return error


def in_a_pipeline(reply: str) -> Exception:
    error = by_redis_py(reply)
    pipeline = Redis().pipeline()
    pipeline.annotate_exception(error, 2, ("SET", "key (BUSY) of pipeline caused error: MISCONF", "BUSY\nMISCONF"))  # type: ignore[no-untyped-call]
    return error


def in_an_asynchronous_pipeline(reply: str) -> Exception:
    error = by_redis_py(reply)
    pipeline = AsyncRedis().pipeline()
    pipeline.annotate_exception(error, 2, ("SET", "key (BUSY) of pipeline caused error: MISCONF", "BUSY\nMISCONF"))
    return error


WAYS = [as_it_came, by_redis_py, in_a_pipeline, in_an_asynchronous_pipeline]


@pytest.mark.parametrize("made", WAYS)
@pytest.mark.parametrize("reply", PASSING)
def test_what_passes(reply: str, made: Callable[[str], Exception]) -> None:
    assert will_be_back(made(reply))


@pytest.mark.parametrize("made", WAYS)
@pytest.mark.parametrize("reply", FINAL)
def test_what_does_not(reply: str, made: Callable[[str], Exception]) -> None:
    assert not will_be_back(made(reply))
    assert not isinstance(made(reply), REDIS_UNREACHABLE)


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (RedisConnectionError("Connection refused"), True),
        (RedisConnectionError(""), True),
        (RedisTimeoutError("Timeout reading from socket"), True),
        (by_redis_py("ERR max number of clients reached"), True),
        (WatchError("Watched variable changed."), False),
        (RedisError("BUSY"), True),
        (ValueError("BUSY is no word of Redis here"), False),
    ],
)
def test_what_never_was_a_reply(error: Exception, *, passes: bool) -> None:
    assert will_be_back(error) is passes


def test_the_code_of_an_error() -> None:
    assert code_of(ResponseError("BUSYGROUP Consumer Group name already exists")) == "BUSYGROUP"
    assert code_of(ResponseError("NOREPLICAS")) == "NOREPLICAS"
    assert code_of(ResponseError("Sentence of its own")) == ""
    assert code_of(in_a_pipeline("MISCONF Errors writing")) == "MISCONF"

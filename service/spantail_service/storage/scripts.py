"""A Lua script that lies in files of a package, and how Redis runs it."""

from __future__ import annotations

import hashlib
from importlib import resources
from typing import TYPE_CHECKING, Any, NamedTuple

from redis.exceptions import NoScriptError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis.asyncio import Redis


class ScriptCall(NamedTuple):
    """What a script is called with."""

    keys: Sequence[str]
    arguments: Sequence[str | bytes | float]


class Script:
    """One script, put together from files.

    Args:
        package: The package that the files lie in, below `scripts`.
        parts: Their names, without `.lua`, in order.
    """

    def __init__(self, package: str, *parts: str) -> None:
        folder = resources.files(package) / "scripts"
        self.text = "\n".join((folder / f"{part}.lua").read_text(encoding="utf-8") for part in parts)
        self.sha = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()

    async def run(self, redis: Redis, keys: Sequence[str], arguments: Sequence[str | bytes | float]) -> Any:
        """Run it as one atomic step; its reply.

        Raises:
            RedisError: Redis cannot be reached, or refuses.
        """
        command = (self.sha, len(keys), *keys, *arguments)
        try:
            return await redis.execute_command("EVALSHA", *command)  # type: ignore[no-untyped-call]
        except NoScriptError:  # Redis was restarted, or its scripts were flushed
            await redis.script_load(self.text)
            return await redis.execute_command("EVALSHA", *command)  # type: ignore[no-untyped-call]

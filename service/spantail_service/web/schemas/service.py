"""What the service says of itself."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from spantail_service.web.schemas.base import Described


class RedisStatus(Described):
    """Which Redis the service works on. Null is what it does not tell."""

    url: str = Field(description="Without user name and password.")
    version: str | None
    id: str | None = Field(description="The server's own id of its present life.")
    time_us: int


class About(Described):
    """What the service says of itself."""

    name: Literal["spantail"]
    version: str
    time_us: int
    demo: bool
    redis: RedisStatus


class Alive(Described):
    """The process answers."""

    status: Literal["ok"]


class Ready(Described):
    """The process can do its work."""

    status: Literal["ready"]
    demo: bool

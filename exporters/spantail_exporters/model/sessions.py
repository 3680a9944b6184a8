"""The sessions that a span says it belongs to: conversations over runs. Pure.

They travel as entries of the run's hash of sources (`c:<digest>`), which the run script keeps as it is: so no script
has to look into attributes, and whoever keeps the index over sessions finds those of a run in one place.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import orjson

from spantail import attributes as key

if TYPE_CHECKING:
    from collections.abc import Mapping

SESSION_FIELD: Final = "c:"
"""What the fields of sessions begin with in `logs:{run_id}:sources`."""

MAX_ID_LENGTH: Final = 200
"""Characters of an id by which a session is known; a longer one is cut."""

SESSION_ATTRIBUTES: Final = (key.SESSION_ID, key.GEN_AI_CONVERSATION_ID)


def session_digest(session_id: str) -> str:
    """Shorten the id of a session, which anybody may choose, to what may stand in a key."""
    cut = session_id[:MAX_ID_LENGTH]
    return hashlib.blake2b(cut.encode("utf-8", "replace"), digest_size=10).hexdigest()


def with_sessions(sources: Mapping[str, bytes], attributes: Mapping[str, Any]) -> Mapping[str, bytes]:
    """Add to the sources of a span the sessions that its redacted attributes name."""
    named = {value for name in SESSION_ATTRIBUTES if isinstance(value := attributes.get(name), str) and value.strip()}
    return {**sources, **dict(map(_entry, named))} if named else sources


@lru_cache(1_024)
def _entry(session_id: str) -> tuple[str, bytes]:
    return SESSION_FIELD + session_digest(session_id), orjson.dumps({"id": session_id[:MAX_ID_LENGTH]})

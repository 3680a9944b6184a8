"""A call that may fall back from one backend to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spantail import attributes as keys
from spantail.scopes.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping


class LlmGroup(Scope):
    """A call that may fall back: the attempts are the `llm_call` scopes inside it. `llm_group` makes it."""

    def fallback(self, from_backend: str, to_backend: str, reason: str) -> None:
        """Record that the next attempt goes to another backend, as span event `llm_call_fallback`.

        Args:
            from_backend: The backend that failed.
            to_backend: The next one.
            reason: Why, for a person.
        """
        self.event(
            keys.EVENT_FALLBACK,
            **{
                keys.FALLBACK_FROM: from_backend,
                keys.FALLBACK_TO: to_backend,
                keys.FALLBACK_REASON: reason,
            },
        )


def llm_group(name: str = "llm", *, attributes: Mapping[str, object] | None = None) -> LlmGroup:
    """Open a call that may fall back; make its attempts with `llm_call` inside it.

    Args:
        name: The name of the span.
        attributes: Further attributes of the span.
    """
    return LlmGroup(name, keys.KIND_LLM_GROUP, attributes=attributes)

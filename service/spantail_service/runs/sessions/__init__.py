"""Sessions: conversations over runs, by `spantail.session.id` and `gen_ai.conversation.id`.

A run is in every session that one of its spans names, and counts whole in each. The figures of a session are the sums
over its runs that are here; the session goes when the last of them does.
"""

from spantail_service.runs.sessions.index import MAX_RUNS_OF_SESSION, MAX_SESSIONS, SessionIndex
from spantail_service.runs.sessions.keeper import SessionKeeper

__all__ = ["MAX_RUNS_OF_SESSION", "MAX_SESSIONS", "SessionIndex", "SessionKeeper"]

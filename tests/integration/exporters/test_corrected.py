"""A span that was thought abandoned and is heard of again is marked so for good, in the tail and in the snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from spantail_exporters.model.changes import Change
from spantail_exporters.model.keys import run_keys
from spantail_service.ingest.revival import revived
from spantail_service.reaper.abandonment import RUNNER_DIED, Abandonment, abandoned
from tests.integration.service.harness import ROOT_SPAN, RUN, START, Writer, state
from tests.support.runs.live_runs import StoredRun, fold

if TYPE_CHECKING:
    from collections.abc import Iterator

CHILD, RUNNER = "00f067aa0ba902b8", "web-1:1:1"


class Spans:
    """A run of two spans, both running."""

    def __init__(self, writer: Writer, url: str) -> None:
        self._writer, self._url = writer, url
        self.tell("start")
        self.tell("start", CHILD)

    def tell(self, event: str, span_id: str = ROOT_SPAN, *, update: bytes = b"", notes: int = 0, **fields: Any) -> None:
        """Send a whole state, as `update` where that is given, behind so many span events."""
        body = state(RUN, span_id, parent_id=None if span_id == ROOT_SPAN else ROOT_SPAN, kind="span", runner=RUNNER,
                     **{"event": f"span_{event}", "noted": notes, **fields})  # fmt: skip
        span_events = [body.replace(f"span_{event}".encode(), f"note {n}".encode()) for n in range(notes)]
        change = Change(span_id, "", [*span_events, update or body], notes, state=body if update else b"")
        self._writer.write(RUN, [change])

    def give_up(self) -> None:
        """Let the reaper abandon both."""
        self._writer.write(RUN, [abandoned(span, Abandonment(RUNNER_DIED, START + 9)) for span in self._states()])

    def come_back(self) -> None:
        """Let them run on, as the service does for a process that sends over OTLP."""
        changes = [change for span in self._states() if (change := revived(span, RUNNER, START + 20))]
        self._writer.write(RUN, changes)

    def _states(self) -> list[dict[str, Any]]:
        return list(StoredRun(self._url, RUN).spans.values())

    @property
    def corrected(self) -> str:
        """Of each span whether it is marked; the tail says the same."""
        run = StoredRun(self._url, RUN)
        folded = {span: {**state, "span_events": []} for span, state in fold(run.events).items()}
        assert folded == {span: {**state, "span_events": []} for span, state in run.spans.items()}
        all_stored: Any = self._writer.redis.hvals(run_keys(RUN).spans)
        for stored in all_stored:
            assert stored.count(b'"corrected"') <= 1
            assert isinstance(orjson.loads(stored).get("corrected", True), bool)
        return " ".join(str(span.get("corrected", False)) for _, span in sorted(run.spans.items()))


@pytest.fixture
def spans(redis_url: str) -> Iterator[Spans]:
    with Writer(redis_url) as writer:
        yield Spans(writer, redis_url)


def test_it_stays_marked_whatever_comes_then(spans: Spans) -> None:
    spans.give_up()
    assert spans.corrected == "False False"
    spans.come_back()
    assert spans.corrected == "True True"
    spans.tell("update", rev=2)
    assert spans.corrected == "True True"
    spans.tell("update", rev=5, notes=1, name="one between them is missing")
    assert spans.corrected == "True True"
    spans.give_up()
    assert spans.corrected == "True True"
    spans.come_back()
    spans.tell("complete", rev=6, end=START + 30, status="ok")
    spans.tell("complete", CHILD, rev=2, end=START + 30, status="ok", notes=2)
    assert spans.corrected == "True True"


def test_an_update_that_says_what_is_new_need_not_say_it(spans: Spans) -> None:
    spans.give_up()
    spans.come_back()
    spans.tell("update", rev=2, name="new", update=state(RUN, kind="span", event="span_update", rev=2, name="new"))
    assert spans.corrected == "True True"


def test_an_end_of_its_own_corrects_it_too_and_nothing_else_is_marked(spans: Spans) -> None:
    spans.tell("complete", CHILD, end=START + 5)
    spans.give_up()
    spans.tell("complete", end=START + 30, notes=1)
    assert spans.corrected == "True False"

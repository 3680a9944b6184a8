"""From an item of the queue to the run that it stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry import trace
from pydantic import ValidationError

from spantail_service.jobs.enqueue import links_of
from spantail_service.jobs.execution import Run
from spantail_service.jobs.pending import ids_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spantail_service.jobs.queue.item import QueueItem
    from spantail_service.operations.base import Operation


class ItemRefusedError(Exception):
    """An item that cannot be run here; the message is for people."""


def run_of(item: QueueItem, catalogue: Mapping[str, Operation]) -> Run:
    """Make the run that a claimed item stands for; made on a running event loop.

    Args:
        item: As it was claimed.
        catalogue: The operations by name.

    Raises:
        ItemRefusedError: It cannot be run here.
    """
    op = catalogue.get(item.operation)
    if op is None:
        raise ItemRefusedError(f"this runner has no operation {item.operation!r}")
    try:
        given = op.input_model.model_validate_json(item.input)
    except ValidationError as error:
        where = ", ".join(".".join(map(str, found["loc"])) for found in error.errors(include_input=False))
        raise ItemRefusedError(f"the operation {item.operation!r} does not take this input: {where}") from None
    run = Run(
        op,
        given,
        [trace.Link(context) for link in links_of(item) if (context := _context_of(link)) is not None],
        budget_usd=item.budget_usd,
        session_id=item.session_id or None,
        retry_of=item.earlier_runs[-1] if item.earlier_runs else None,
        item=item,
        run_id=item.run_id,
    )
    run.may_work.set()  # it can be seen since it was queued
    return run


def _context_of(traceparent: str) -> trace.SpanContext | None:
    ids = ids_of(traceparent)
    if ids is None:
        return None
    flags = trace.TraceFlags(trace.TraceFlags.SAMPLED)
    context = trace.SpanContext(int(ids[0], 16), int(ids[1], 16), is_remote=True, trace_flags=flags)
    return context if context.is_valid else None

"""What the applications under Logfire share: it sends to `RECEIVER_URL`, and only when it is told to.

Left alone it sends what is open after 100 to 500 ms, so that it would be a matter of speed which spans are told of
before they end.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import logfire
from logfire._internal import config
from logfire._internal.exporters.dynamic_batch import DynamicBatchSpanProcessor

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter


class OnlyWhenFlushed(DynamicBatchSpanProcessor):
    """Waits for `logfire.force_flush()`."""

    def __init__(self, exporter: SpanExporter) -> None:
        super().__init__(exporter)
        self.schedule_delay_millis = 600_000
        # The thread may be in its first wait, the short one: it is woken, and the next wait is the long one.
        woken = self.batch_processor._worker_awaken
        woken.set()
        while woken.is_set():
            time.sleep(0.001)


def configure() -> None:
    """Point Logfire at the receiver."""
    config.DynamicBatchSpanProcessor = OnlyWhenFlushed
    logfire.configure(
        token="pylf_v1_local_0123456789abcdef",
        send_to_logfire=True,
        service_name="shop",
        console=False,
        metrics=False,
        inspect_arguments=False,
        advanced=logfire.AdvancedOptions(base_url=os.environ["RECEIVER_URL"]),
    )

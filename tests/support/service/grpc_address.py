"""Where a service takes OTLP over gRPC."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable


def grpc_address(output: Callable[[], str]) -> str:
    """`host:port`, from what the service says; that may come a moment after it answers."""
    found = eventually(lambda: re.search(r"gRPC on (\S+?),", output()), what="its address for gRPC is told")
    assert found is not None
    return found[1]

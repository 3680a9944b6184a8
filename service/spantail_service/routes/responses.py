"""Answers that several routes give."""

from __future__ import annotations

from typing import Any, Final

import orjson
from fastapi import Response

NO_STORE: Final = {"cache-control": "no-store"}


def accepted(body: dict[str, Any]) -> Response:
    """202 with JSON, and with the address of the run that it names."""
    headers = {**NO_STORE, **({"location": f"/runs/{body['run_id']}"} if "run_id" in body else {})}
    return Response(orjson.dumps(body), status_code=202, media_type="application/json", headers=headers)

"""Entries of a run's layer strip: the layers that are announced, and how far each has come. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from spantail import attributes as key

if TYPE_CHECKING:
    from collections.abc import Mapping

_LAYER_STATUS: Final = {"running": "running", "ok": "complete", "error": "error",
                        "skipped": "skipped", "cancelled": "skipped"}  # fmt: skip
_LAYERS: Final = 100  # layers that are announced, and …
_LAYER_NAME: Final = 200  # … the characters of a name: the strip is read with every poll


def layers_of(body: Mapping[str, Any], attributes: Mapping[str, Any]) -> bytes:
    """Write what a span says of layers, an entry a line; empty where it says nothing."""
    if body["kind"] == "layer":
        return _layer(body, _LAYER_STATUS[body["status"]])
    return _pending(attributes.get(key.LAYERS)) if body["status"] == "running" and key.LAYERS in attributes else b""


def _layer(body: Mapping[str, Any], status: str) -> bytes:
    progress = body.get("progress", {})
    return orjson.dumps(
        {
            "name": (body.get("layer") or body["name"])[:_LAYER_NAME],
            "status": status,
            "done": _number(progress.get("done")),
            "total": _number(progress.get("total")),
        }
    )


def _pending(names: object) -> bytes:
    """Announce the layers to come; what is no list of names announces nothing."""
    if not isinstance(names, list):
        return b""
    return b"\n".join(
        orjson.dumps({"name": name[:_LAYER_NAME], "status": "pending", "done": None, "total": None})
        for name in names[:_LAYERS]
        if isinstance(name, str)
    )


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None

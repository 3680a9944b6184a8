"""Entries of a run's layer strip: the layers that are announced, and how far each has come. Pure.

The run script puts them into the strip (`scripts/append/layers.lua`). Both are held to
`tests/golden/rules/layers.json`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from spantail import attributes as key
from spantail_exporters.model.rules.whole_numbers import whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping

_LAYER_STATUS: Final = {"running": "running", "ok": "complete", "error": "error",
                        "skipped": "skipped", "cancelled": "skipped",
                        "abandoned": "error"}  # fmt: skip
_MOST_LAYERS: Final = 100  # that are announced, and …
_NAME_LENGTH: Final = 200  # … the characters of a name: the strip is read with every poll


def layers_of(state: Mapping[str, Any], attributes: Mapping[str, Any]) -> bytes:
    """Write what a span says of layers, an entry a line; empty where it says nothing.

    A layer tells of itself; where several spans are of one layer, it runs until the last of them ends, and is then what
    that one says (the script counts them). A span announces the layers to come by its attribute `spantail.layers`; what
    is no list of names announces nothing. Once it is over, however it ended, those that have not begun will not:
    `unbegun`, which the strip shows as skipped.
    """
    if state["kind"] == key.KIND_LAYER:
        progress = state.get("progress") or {}
        name = state.get("layer") or state["name"]
        return _entry(name, _LAYER_STATUS[state["status"]], progress.get("done"), progress.get("total"))
    names = attributes.get(key.LAYERS)
    if not isinstance(names, list):
        return b""
    status = "pending" if state["status"] == "running" else "unbegun"
    return b"\n".join(_entry(name, status) for name in names[:_MOST_LAYERS] if isinstance(name, str))


def _entry(name: str, status: str, done: object = None, total: object = None) -> bytes:
    # the order of the fields is part of the contract with the script, which finds an entry by its text
    return orjson.dumps(
        {"name": name[:_NAME_LENGTH], "status": status, "done": whole_number(done), "total": whole_number(total)}
    )

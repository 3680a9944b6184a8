"""Remarks on values that are not kept as they were sent: fields that stand beside the attributes. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spantail import attributes as key
from spantail_exporters.dialects.origin import names_in

if TYPE_CHECKING:
    from spantail.redaction import Remarks


def change(remarks: Remarks, name: str) -> None:
    """Remark that what has this name is not as it was sent."""
    changed = remarks.setdefault("changed", [])
    if name not in changed:
        changed.append(name)


def differ(kept: str, sent: object) -> bool:
    """Whether a text is not the one that was set, which need be none and then is not asked."""
    return kept is not sent and not (type(sent) is str and kept == sent)


def take_changed(attributes: dict[str, Any], remarks: Remarks) -> None:
    """Read the mark of an earlier export of ours; what is no list of names stays where it is."""
    if names := names_in(attributes.get(key.CHANGED)):
        del attributes[key.CHANGED]
        remarks["changed"] = [*dict.fromkeys([*names, *remarks.get("changed", ())])]

"""What is new of an open span: an `_update`, and the state that it leads to. Pure.

An update has no word for what is gone: absent means unchanged. An attribute is gone where the SDK has dropped it to
make room, or where it was taken from others that have changed; a backend, where its attribute is empty now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from spantail_exporters.model.event_parts import BESIDE_ATTRIBUTES

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from spantail_exporters.model.event import Encoded

_ALWAYS: Final = frozenset(
    {
        "rev", "status", "start", "noted", "ts", "event", "run_id", "span_id", "parent_id", "name", "kind", "end",
    }
)  # fmt: skip
"""What every update has."""
_MOST_GONE: Final = 128
"""Attributes that are kept although they are gone. With more the state would grow as long as the span runs."""
_MERGED: Final = frozenset({"attributes", "tokens", "corrected"})  # the last one is added by the run script
_LARGE: Final = ("span_events", "links")
_LAST: Final = frozenset({"attributes", *BESIDE_ATTRIBUTES, *_LARGE})


def with_what_was_said(body: dict[str, Any], last_sent: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the state of an open span with what was said of it before and is not said any more.

    So what is stored is what a reader of the updates holds. The end then says all there is.

    Args:
        body: the state as it is now.
        last_sent: the state that readers hold.

    Returns:
        None where nothing is gone, which is nearly always so.
    """
    attributes, before = body["attributes"], last_sent.get("attributes") or {}
    gone = before.keys() - attributes.keys()
    tokens = {**(last_sent.get("tokens") or {}), **(body.get("tokens") or {})}
    kept = {name: value for name, value in last_sent.items() if name not in body and name not in _MERGED}
    if not (gone or kept or len(tokens) > len(body.get("tokens") or ())) or len(gone) > _MOST_GONE:
        return None
    # as in every state: what can be large comes last
    made = {name: value for name, value in body.items() if name not in _LAST}
    made |= {name: value for name, value in kept.items() if name not in _LAST}
    if tokens:
        made["tokens"] = tokens
    made["attributes"] = {**{name: value for name, value in before.items() if name in gone}, **attributes}
    for name in BESIDE_ATTRIBUTES:
        if name in last_sent:
            made[name] = _beside(body.get(name), last_sent[name], gone)
        elif name in body:
            made[name] = body[name]
    for name in _LARGE:
        if name in body or name in kept:
            made[name] = body.get(name, kept.get(name))
    return made


def _beside(said: Any, before: Any, gone: Collection[str]) -> Any:
    """Return what a field says of the attributes, and what it said of those that are gone."""
    if isinstance(before, dict):
        return {**{name: value for name, value in before.items() if name in gone}, **(said or {})}
    return [*(said or ()), *(name for name in before if name in gone)]


def update_of(state: Encoded, last_sent: Mapping[str, Any]) -> dict[str, Any] | None:
    """Cut a whole state down to an `_update`: what is unchanged against `last_sent` is left out.

    Args:
        state: the whole state, with what was said before.
        last_sent: the state that readers hold.

    Returns:
        None where nothing is new beside span events, each of which is a tail event of its own.
    """
    before = last_sent.get("attributes") or {}
    changed = {k: v for k, v in state.body["attributes"].items() if k not in before or before[k] != v}
    body = {k: v for k, v in state.body.items() if k in _ALWAYS or last_sent.get(k) != v}
    body.pop("span_events", None)
    if changed:
        body["attributes"] = changed
    else:
        body.pop("attributes", None)
    is_new = body["name"] != last_sent["name"] or not body.keys() <= _ALWAYS
    return body if is_new else None

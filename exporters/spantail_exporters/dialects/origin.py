"""Which of a span's attributes were sent, and which were added by what we understood of them. Pure.

Fields of an event: `derived` are the names of attributes that nobody sent, or that were sent with another value; `sent`
has those values. `moved` is where content that stands under a name of ours came from, so that it can be put back: the
name of one attribute, or the pattern of many, `llm.input_messages.#.message.` with the number of the message for `#`.

In OTLP `spantail.derived` and `spantail.sent` say the same on the span, and moved content stands under both names: a
reader of the conventions finds ours, and whoever asks what was sent leaves the derived ones out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from spantail import attributes as key
from spantail_exporters.dialects.content import CONTENT_NAMES, move_content
from spantail_exporters.dialects.understand import is_foreign, understood

if TYPE_CHECKING:
    from collections.abc import Mapping

ORIGIN_FIELDS: Final = ("derived", "sent", "moved")


def told_apart(
    attributes: Mapping[str, Any], *, ended: bool, start_us: int | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a copy of the attributes, understood, and the fields of the event; those of an export of ours are read."""
    found, origin = read_back(attributes)
    if origin or not is_foreign(found):
        return found, origin
    return understood_apart(found, ended=ended, start_us=start_us)


def understood_apart(
    sent: Mapping[str, Any], *, ended: bool, start_us: int | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the attributes with our names beside them, see `understand`, and the fields that tell the two apart."""
    moved: dict[str, str] = {}
    found = understood(dict(sent), ended=ended, start_us=start_us, moved=moved)
    other = {
        name: value
        for name, value in sent.items()
        if (now := found.get(name, value)) is not value and (type(now) is not type(value) or now != value)
    }
    derived = [name for name in found if name not in sent or name in other]
    return found, {"derived": derived, "sent": other, "moved": moved}


def read_back(attributes: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Take the marks of an export of ours out of a span's attributes; what is none of these stays as it is."""
    found, moved = dict(attributes), dict[str, str]()
    derived = names_in(found.get(key.DERIVED)) if key.DERIVED in found else []
    if not derived or not found.keys() >= set(derived):
        return found, {}
    del found[key.DERIVED]
    sent = found.get(key.SENT)
    if isinstance(sent, dict) and set(derived).issuperset(sent):
        del found[key.SENT]
    else:
        sent = {}
    content = {name: found.pop(name) for name in derived if name in CONTENT_NAMES}
    if content:  # it stands under both names: once is enough
        move_content(found, str(found.get(key.KIND)), moved)
        found.update((name, value) for name, value in content.items() if name not in found)
    return found, {"derived": derived, "sent": sent, "moved": moved}


def names_in(value: object) -> list[str]:
    """A list of names, as a mark has it; empty for what is none."""
    if isinstance(value, list | tuple) and all(isinstance(name, str) for name in value):
        return list(dict.fromkeys(value))
    return []


def put_back(attributes: dict[str, Any], moved: Mapping[str, str]) -> list[str]:
    """Give moved content back the names that it was sent with, beside ours, as far as it can be read; returns them."""
    names: list[str] = []
    for ours, theirs in moved.items():
        if ours not in attributes or not isinstance(theirs, str):
            continue
        back = {theirs: attributes[ours]} if "#" not in theirs else _unjoined(attributes[ours], theirs)
        for name, value in back.items():
            if name not in attributes:
                attributes[name] = value
                names.append(name)
    return names


def _unjoined(value: object, pattern: str) -> dict[str, Any]:
    try:
        messages = orjson.loads(value) if isinstance(value, str) else None
    except orjson.JSONDecodeError:  # it was cut
        return {}
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        return {}
    return {
        pattern.replace("#", str(at), 1) + name: stated
        for at, message in enumerate(messages)
        for name, stated in message.items()
    }

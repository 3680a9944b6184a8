"""What spans come from, resource and instrumentation scope: sent once per run, and named by a short key in each span.

A key is a digest of what it stands for. So whoever writes needs to know nothing of what others wrote or Redis lost:
each batch brings the entries that its spans name, and the run script keeps those that are not there.
"""

from __future__ import annotations

import hashlib
import re
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson
from opentelemetry.semconv.attributes.service_attributes import SERVICE_NAME

from spantail.attributes import CHANGED, CONTENT_LEFT_OUT, RESOURCE_LIVE, RESOURCE_RUNNER
from spantail.content import marks_of, take_marks
from spantail.json_values import cut_text, json_size
from spantail.redaction import TRUNCATED_KEY
from spantail_exporters.model.remarks import change, differ, take_changed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spantail.content import Dropped
    from spantail.redaction import Remarks
    from spantail_exporters.model.redactor import Redactor

MAX_ENTRY_BYTES: Final = 32 * 1024
_MAX_TEXT_BYTES: Final = 1_024  # of a name, a version, a schema's address
_KEY_BYTES: Final = 4
_KNOWN: Final = 1_000  # pairs that are remembered
_NAMED: Final = 100  # attributes that were left out and are named
_RUNNER: Final = re.compile(r"[\w.-]{1,255}:\d{1,10}:\d{1,13}")
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class Resource(NamedTuple):
    """A resource as it was sent; the SDK's own has the same fields but `dropped`."""

    attributes: Mapping[str, Any] = _NOTHING
    schema_url: str = ""
    dropped: int = 0
    """How many attributes the sender left out."""


class Scope(NamedTuple):
    """An instrumentation scope as it was sent; the SDK's own has the same fields but `dropped`."""

    name: str = ""
    version: str = ""
    attributes: Mapping[str, Any] = _NOTHING
    schema_url: str = ""
    dropped: int = 0


class EncodedSource(NamedTuple):
    """What spans come from: fields of their events, and what the keys in them stand for.

    `tables` are fields of the hash `logs:{run_id}:sources` with their JSON. What says nothing is in neither.
    """

    fields: Mapping[str, str]
    tables: Mapping[str, bytes]


class Entry:
    """A resource or a scope (`said`), encoded once for all spans, by the redactor that comes first; then let go of."""

    __slots__ = ("_encoded", "_is_encoded", "_said")

    def __init__(self, said: Any) -> None:
        self._said = said
        self._is_encoded = False
        self._encoded: tuple[str, bytes] | None = None

    def encoded(self, redactor: Redactor) -> tuple[str, bytes] | None:
        """Return its key and its JSON; None when it says nothing."""
        if not self._is_encoded:
            self._encoded, self._said, self._is_encoded = encode_entry(self._said, redactor), None, True
        return self._encoded


class Source:
    """What spans come from; many share one."""

    __slots__ = ("_encoded", "_resource", "_scope")

    def __init__(self, resource: Entry, scope: Entry) -> None:
        self._resource = resource
        self._scope = scope
        self._encoded: EncodedSource | None = None

    def encoded(self, redactor: Redactor) -> EncodedSource:
        """Encode it without secrets; by the redactor that comes first."""
        if self._encoded is None:
            entries = {"resource": self._resource.encoded(redactor), "scope": self._scope.encoded(redactor)}
            known = {name: entry for name, entry in entries.items() if entry is not None}
            self._encoded = EncodedSource(
                {name: key for name, (key, _) in known.items()},
                {f"{name[0]}:{key}": text for name, (key, text) in known.items()},
            )
        return self._encoded


class KnownSources:
    """The sources of SDK spans, known again by the identity of their objects. For spans of one redactor."""

    def __init__(self) -> None:
        # with the objects, so that no other gets their identity
        self._known: dict[tuple[int, int], tuple[tuple[Source, Any], Any, Any]] = {}

    def of(self, resource: Any, scope: Any) -> tuple[Source, Any]:
        """Return the source of spans that have these two (an absent scope is None), and the name of the service."""
        known = self._known.get((id(resource), id(scope)))
        if known is None:
            if len(self._known) >= _KNOWN:
                self._known.clear()
            service = resource.attributes.get(SERVICE_NAME)
            known = (Source(Entry(resource), Entry(scope)), service), resource, scope
            self._known[id(resource), id(scope)] = known
        return known[0]


def runner_id(value: object) -> str | None:
    """Return `value` when it names a process as we do; it becomes part of a Redis key."""
    return value if isinstance(value, str) and _RUNNER.fullmatch(value) else None


def encode_entry(said: Any, redactor: Redactor) -> tuple[str, bytes] | None:
    """Encode a resource or a scope; what is too large loses its largest attributes, and says so.

    `types` and `changed` say of its attributes what they say of a span's.
    """
    left_out: Dropped = {}
    remarks: Remarks = {}
    attributes = redactor.attributes(getattr(said, "attributes", None) or _NOTHING, left_out, remarks)
    if CHANGED in attributes:
        take_changed(attributes, remarks)
    if isinstance(attributes.get(RESOURCE_LIVE), bool):
        del attributes[RESOURCE_LIVE]  # it speaks of the way that spans take, not of what they come from
    if runner_id(attributes.get(RESOURCE_RUNNER)):
        del attributes[RESOURCE_RUNNER]  # each span says it itself
    marks = take_marks(attributes) if CONTENT_LEFT_OUT in attributes else []
    body = {
        "name": _text(said, "name", redactor, remarks),
        "version": _text(said, "version", redactor, remarks),
        "attributes": _fitting(attributes, remarks),
        "schema_url": _text(said, "schema_url", redactor, remarks),
        "dropped": getattr(said, "dropped", 0),
        "content": [*marks, *marks_of(left_out, redactor.where)],
        "types": {name: kind for name, kind in remarks.get("types", {}).items() if name in attributes},
        "changed": remarks.get("changed"),
    }
    body = {name: value for name, value in body.items() if value}
    if not body:
        return None
    canonical = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(canonical, digest_size=_KEY_BYTES).hexdigest(), orjson.dumps(body)


def _text(said: Any, name: str, redactor: Redactor, remarks: Remarks) -> str:
    value = getattr(said, name, None)
    text = redactor.text(str(value)) if value else ""
    size = json_size(text)
    if size > _MAX_TEXT_BYTES:
        text = cut_text(text, _MAX_TEXT_BYTES, size)
    if value and differ(text, value):
        change(remarks, f"{'scope' if hasattr(said, 'version') else 'resource'}:{name}")
    return text


def _fitting(attributes: dict[str, Any], remarks: Remarks) -> dict[str, Any]:
    if len(orjson.dumps(attributes)) <= MAX_ENTRY_BYTES:
        return attributes
    sizes = {name: len(orjson.dumps({name: value})) for name, value in attributes.items()}
    left = MAX_ENTRY_BYTES
    kept = set()
    for name in sorted(sizes, key=lambda name: sizes[name]):
        left -= sizes[name]
        if left < 0:
            break
        kept.add(name)
    made = {name: value for name, value in attributes.items() if name in kept}
    for name in islice((name for name in attributes if name not in kept), _NAMED):
        change(remarks, name)
    return {**made, TRUNCATED_KEY: f"…[truncated {len(attributes):,} → {len(made):,} attributes]"}

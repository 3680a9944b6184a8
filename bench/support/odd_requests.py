"""Requests that are allowed, and odd: each is small on the wire or quick to make, and asks much of whoever reads it.

One definition for the benchmark that measures what they do to everybody else, for the tests that hold it, and for the
fuzzer, which goes on from them. Most hold very many messages that carry nothing; the last ones of each kind are valid
and large.
"""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Final, NamedTuple

from bench.support.protobuf_bytes import field

if TYPE_CHECKING:
    from collections.abc import Iterator

GRPC: Final = "/opentelemetry.proto.collector."
"""Paths that begin so are methods of OTLP/gRPC."""
_MOST_SENT: Final = 16_000_000  # what is taken as it is sent, about; gRPC unzips up to the same size
_PROTOBUF: Final = {"content-type": "application/x-protobuf"}
_JSON: Final = {"content-type": "application/json"}
_NDJSON: Final = {"content-type": "application/x-ndjson"}
_START: Final = 1_795_308_986_084_596  # us
_IDS: Final = b"\x0a\x10" + b"\1" * 16 + b"\x12\x08" + b"\2" * 8  # of a span
_LOG_IDS: Final = b"\x4a\x10" + b"\1" * 16 + b"\x52\x08" + b"\2" * 8
_JSON_IDS: Final = b'"traceId":"' + b"01" * 16 + b'","spanId":"' + b"02" * 8 + b'"'
_HEAD: Final = b'{"format":"spantail.run","version":1,"run":{"run_id":"' + b"01" * 16 + b'"}}'
_WORDS: Final = b"an order took some time for a customer, "


class Shape(NamedTuple):
    """A request."""

    name: str
    path: str
    headers: dict[str, str]
    body: bytes
    zipped: bool = True
    """Whether it is gzipped on its way."""
    sent: bytes = b""
    """What goes over the wire, where that is not simply the body, gzipped or not."""

    @property
    def wire(self) -> bytes:
        """The bytes to send; for gRPC, whose client zips by itself, the message."""
        if self.sent or not self.zipped or self.path.startswith(GRPC):
            return self.sent or self.body
        return gzip.compress(self.body, 1, mtime=0)


def shapes(millions: float = 30.0) -> Iterator[Shape]:
    """Every shape by every way that takes it; `millions` of the smallest messages in each, as far as they fit."""
    many = max(int(millions * 1_000_000), 300)
    few = many // 6  # JSON is taken up to a quarter of the size
    for kind in ("traces", "logs"):
        for name, body in _protobuf(kind, many):
            yield Shape(f"{kind} protobuf: {name}", f"/v1/{kind}", _PROTOBUF, body)
        service = f"{GRPC}{kind.removesuffix('s') if kind == 'traces' else kind}.v1."
        method = f"{service}{'TraceService' if kind == 'traces' else 'LogsService'}/Export"
        for name, body in _protobuf(kind, min(many, _MOST_SENT // 2)):
            yield Shape(f"{kind} gRPC: {name}", method, {}, body)
    for path, outer, middle, inner in (
        ("/v1/traces", b"resourceSpans", b"scopeSpans", b"spans"),
        ("/v1/logs", b"resourceLogs", b"scopeLogs", b"logRecords"),
        ("/api/runs/import", b"resourceSpans", b"scopeSpans", b"spans"),
    ):
        for name, body in _json(outer, middle, inner, few):
            yield Shape(f"{path.rpartition('/')[2]} JSON: {name}", path, _JSON, body)
    for name, body in _ndjson(few):
        yield Shape(f"import NDJSON: {name}", "/api/runs/import", _NDJSON, body)
    for path, headers in (("/v1/traces", _PROTOBUF), ("/v1/logs", _JSON), ("/api/runs/import", _NDJSON)):
        for name, body, sent in _gzips(many):
            yield Shape(f"{path.rpartition('/')[2]} gzip: {name}", path, headers, body, sent=sent)


def _protobuf(kind: str, many: int) -> Iterator[tuple[str, bytes]]:
    is_trace = kind == "traces"
    ids, of_item = (_IDS, 9) if is_trace else (_LOG_IDS, 6)
    attribute = field(of_item, b"")

    def one(inside: bytes) -> bytes:
        return _request([ids + inside])

    def pair(value: bytes, name: bytes = b"a") -> bytes:
        return field(of_item, field(1, name) + field(2, value))

    yield "empty groups", b"\x0a\x00" * many
    yield "empty scopes", field(1, b"\x12\x00" * many)
    yield "empty items", field(1, field(2, b"\x12\x00" * many))
    yield "unknown fields", b"\x78\x01" * many
    yield "empty resources", field(1, b"\x0a\x00" * many)
    yield "one item, empty attributes", one(attribute * many)
    yield "one item, empty events", one(b"\x5a\x00" * many)
    yield "one item, empty values", one(pair(field(5, b"\x0a\x00" * (many - 200))))
    yield "one item, empty pairs", one(pair(field(6, b"\x0a\x00" * (many - 200))))
    yield "one item, unknown fields", one(b"\xa0\x06\x01" * (many // 2))
    yield "one resource, empty attributes", field(1, field(1, b"\x0a\x00" * many) + field(2, field(2, ids)))
    yield "items of just so many parts", _request([ids + attribute * 9_000] * (many // 90_000 + 1))
    yield "items just small enough", _request([ids + attribute * 2_000] * (many // 20_000 + 1))
    # valid ones
    plain = b"".join(pair(field(1, _WORDS * 2), b"key %d" % number) for number in range(10))
    numbered = (ids[:20] + (number + 1).to_bytes(8, "big") + ids[28:] for number in range(many // 3_000 + 1))
    yield "ordinary items of 1 kB", _request([_ids(ids, number) + plain for number, _ in enumerate(numbered)])
    yield "one item, a huge text", one(pair(field(1, _WORDS * (many // 20))))
    size = max(many // 9_000 // 20, 1)
    texts = b"".join(pair(field(1, b"%d" % number + _WORDS * size), b"key %d" % number) for number in range(2_400))
    yield "one item, large attributes", one(texts)
    if is_trace:
        event = field(2, b"note") + field(3, field(1, b"text") + field(2, field(1, _WORDS * size)))
        yield "one item, large events", one(field(11, event) * 1_400)
        link = ids + field(4, field(1, b"text") + field(2, field(1, _WORDS * size)))
        yield "one item, large links", one(field(13, b"\x0a\x10" + link[2:18] + link[18:]) * 1_400)
    deep = field(1, b"x")
    for _ in range(15):
        deep = field(6, field(1, field(1, b"k") + field(2, field(5, field(1, deep)))))
    yield "nested deeply", _request([ids + pair(deep)] * (many // 3_000 + 1))
    for _ in range(min(many // 10_000, 3_000)):
        deep = field(5, field(1, deep))
    yield "nested too deeply", one(pair(deep))


def _ids(ids: bytes, number: int) -> bytes:
    """The same trace, another span."""
    return ids[:20] + (number + 1).to_bytes(8, "big")


def _request(items: list[bytes]) -> bytes:
    return field(1, field(2, b"".join(field(2, item) for item in items)))


def _json(outer: bytes, middle: bytes, inner: bytes, few: int) -> Iterator[tuple[str, bytes]]:
    objects = b"{}" + b",{}" * few
    start, end = b'{"%b":[{"%b":[{"%b":[' % (outer, middle, inner), b"]}]}]}"
    attribute = b'{%b,"attributes":[{"key":"a","value":{%%b}}]}' % _JSON_IDS

    yield "empty groups", b'{"%b":[%b]}' % (outer, objects)
    yield "empty items", start + objects + end
    yield "one item, empty attributes", start + b'{%b,"attributes":[%b]}' % (_JSON_IDS, objects) + end
    yield "one item, empty lists", start + b'{%b,"x":[%b]}' % (_JSON_IDS, b"[]" + b",[]" * few) + end
    yield "deep", start + b"[" * (3 * few) + end
    yield "one string", start + b'{%b,"name":"%b"}' % (_JSON_IDS, b'\\"' * few) + end
    yield "unknown members", b"{" + b'"a":1,' * (few // 2) + b'"b":1}'
    yield "space", start + b" " * (3 * few) + end
    yield "space in front", b"\n" * (3 * few) + start + end
    yield "space in an item", start + b"{%b%b}" % (b" " * (3 * few), _JSON_IDS) + end
    yield "a huge number", start + attribute % (b'"doubleValue":' + b"1" * (3 * few)) + end
    yield "a huge number in a string", start + attribute % (b'"doubleValue":"%b"' % (b"1" * (3 * few))) + end
    yield "a number with a huge exponent", start + attribute % (b'"doubleValue":1e' + b"1" * (3 * few)) + end
    # valid ones
    pairs = b",".join(
        b'{"key":"key %d","value":{"stringValue":"%b"}}' % (number, _WORDS) for number in range(10)
    )  # fmt: skip
    item = b'{"traceId":"%b","spanId":"%016x","attributes":[%b]}'
    items = b",".join(item % (b"01" * 16, number + 1, pairs) for number in range(few // 500 + 1))
    yield "ordinary items of 1 kB", start + items + end
    yield "escapes", start + attribute % (b'"stringValue":"%b"' % (b"\\u00e4\\n" * (few // 3))) + end
    deep = b'"stringValue":"x"'
    for _ in range(40):
        deep = b'"arrayValue":{"values":[{"kvlistValue":{"values":[{"key":"k","value":{%b}}]}}]}' % deep
    yield "nested deeply", start + b",".join([attribute % deep] * (few // 1_000 + 1)) + end


def _ndjson(few: int) -> Iterator[tuple[str, bytes]]:
    yield "empty lines", _HEAD + b"\n" * (3 * few)
    yield "lines of {}", _HEAD + b"\n{}" * few
    yield "one line of lists", _HEAD + b'\n{"x":[' + b"[]," * few + b"[]]}"
    yield "header of lists", _HEAD[:-2] + b',"x":[' + b"[]," * few + b"[]]}}"
    yield "space", b" " * (3 * few)
    yield "space, and a header", b" " * (3 * few) + _HEAD
    # valid ones: each begins a run of its own, for a run that is here is not taken again
    span = (
        b'{"seq":%d,"rev":%d,"status":"running","start":%d,"noted":%d,"ts":%d,"event":"%b","run_id":"' + b"01" * 16
        + b'","span_id":"%016x","parent_id":null,"name":"x","kind":"span","end":null,"attributes":{"k%d":"%b"}}'
    )  # fmt: skip
    first = span % (0, 1, _START, 0, _START, b"span_start", 2, 0, b"")
    lines = range(1, 3 * few // 300 + 1)
    notes = (span % (n, 1, _START, n, _START, b"note", 2, n, b"") for n in lines)
    yield "notes of one span", b"\n".join((_HEAD, first, *notes))
    updates = (span % (n, n + 1, _START, 0, _START, b"span_update", 2, n, b"") for n in lines)
    yield "updates of one span", b"\n".join((_HEAD, first, *updates))
    layers = b'"attributes":{"spantail.layers":["a"],'
    updates = (span % (n, n + 1, _START, 0, _START, b"span_update", 2, n, b"") for n in lines)
    announcing = (line.replace(b'"attributes":{', layers) for line in updates)
    yield "updates that announce layers", b"\n".join((_HEAD, first, *announcing))
    spans = (span % (n, 1, _START, 0, _START, b"span_start", n + 2, 0, _WORDS) for n in lines)
    yield "ordinary lines", b"\n".join((_HEAD, first, *spans))


def _gzips(many: int) -> Iterator[tuple[str, bytes, bytes]]:
    empty, tiny = (gzip.compress(data, 1, mtime=0) for data in (b"", b"\n"))
    count = max(min(many, _MOST_SENT) // 22, 65)
    yield "empty members", b"\n", empty * count
    yield "tiny members", b"\n" * count, tiny * count
    yield "more than is taken", b"\n" * (4 * many), gzip.compress(b"\n" * (4 * many), 1, mtime=0)

"""A run as NDJSON: its events, one JSON object a line, and back.

1. `{"format":"spantail.run","version":1,"run":{…}}`, the run's summary.
2. `{"source":"r:<key>",…}` for each resource and `{"source":"s:<key>",…}` for each instrumentation scope.
3. Every event of the tail with its `seq`, in order (log lines too).
4. Where the tail was trimmed: the latest state of every span, without `seq`.

`writing` makes such lines. `reading` takes a file apart: `schema` says what a line may be, `redacting` takes secrets
out of it, and `folding` makes changes for the run script of it.
"""

from __future__ import annotations

from spantail_service.transfer.ndjson.reading import RunFile, is_ndjson, read
from spantail_service.transfer.ndjson.writing import header, lines, source_lines

__all__ = ["RunFile", "header", "is_ndjson", "lines", "read", "source_lines"]

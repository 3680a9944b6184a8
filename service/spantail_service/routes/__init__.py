"""HTTP routes, a module for each subject. A route parses, asks one function, and answers.

table.py      all of them, in their order
runs/         /api/runs, /api/logs, /api/traces, /api/spend, /ws/runs
operations.py /api/operations, /api/jobs
jobs/         /api/queue, /ws/queue, /api/runners
otlp.py       /v1/traces, /v1/logs, /v1/metrics
tempo/        /tempo
service/      /api/about, /healthz, /readyz, /metrics
pages/        the page, its login, and the documents of the API
"""

from __future__ import annotations

from spantail_service.web import any_text

any_text.register()

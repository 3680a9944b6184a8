"""A Celery worker whose tasks are seen while they run, each in the run that sent it.

Run `make run` in one terminal. In another, from the same folder, the worker (`pip install 'celery[redis]'` first; the
broker is a Redis as well, `CELERY_BROKER_URL` names it):

    export SPANTAIL_REDIS_URL=unix://$PWD/.spantail/redis/redis.sock
    .venv/bin/python -m celery --workdir examples --app celery_worker worker

and in a third, with the same setting, the sender, which prints the address of its trace:

    .venv/bin/python examples/celery_worker.py
"""

import os
import time

from celery import Celery, Task
from celery.signals import before_task_publish
from opentelemetry import context, propagate

import spantail

PAGE = os.environ.get("SPANTAIL_URL", "http://127.0.0.1:8321")

# Before the worker forks: each of its processes delivers its own spans.
handle = spantail.configure(service_name="celery-example")
app = Celery("celery_worker", broker=os.environ.get("CELERY_BROKER_URL", "redis://127.0.0.1:6379/1"))


@before_task_publish.connect
def send_context(headers: dict[str, str], **_: object) -> None:
    """Have each task know the span that sent it: the standard header `traceparent`."""
    propagate.inject(headers)


class Traced(Task):
    """A task that is an operation of the run that sent it."""

    def __call__(self, *args: object, **kwargs: object) -> object:
        """Do its work in a span."""
        parent = propagate.extract({"traceparent": self.request.get("traceparent") or ""})
        token = context.attach(parent)
        try:
            with spantail.operation(self.name):
                return super().__call__(*args, **kwargs)
        finally:
            context.detach(token)


@app.task(base=Traced, name="summarise", ignore_result=True)
def summarise(document: str) -> None:
    """Ask a model for a summary (made up here, as are its tokens)."""
    with spantail.llm_call(backend="openai", model="gpt-4o-mini") as call:
        time.sleep(0.2)
        call.usage(input_tokens=400 + len(document), output_tokens=60)


if __name__ == "__main__":
    with spantail.operation("send documents", root=True) as run:
        print(f"{PAGE}/runs/{run.run_id}", flush=True)
        for name in ("contract", "invoice", "report"):
            summarise.delay(name)
    handle.shutdown()

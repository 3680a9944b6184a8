"""What is done to a tracer provider that the SDK has no public name for: all of it stands here.

Where a private name is missing, nothing is done: each function says what is so then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spantail.trouble import report_trouble

if TYPE_CHECKING:
    from opentelemetry import trace
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider


def remove_processors(provider: trace.TracerProvider, processors: tuple[SpanProcessor, ...]) -> None:
    """Take stopped processors out of a provider, which would ask them about every span for ever.

    Where it cannot be done they stay, and do nothing.
    """
    multi: Any = getattr(provider, "_active_span_processor", None)
    lock, held = getattr(multi, "_lock", None), getattr(multi, "_span_processors", None)
    if multi is None or lock is None or not isinstance(held, tuple):
        return
    with lock:
        multi._span_processors = tuple(one for one in multi._span_processors if one not in processors)


def replace_resource(provider: TracerProvider, resource: Resource) -> None:
    """Give a provider, and the tracers it has made, another resource, as the SDK itself does after a fork.

    Where it cannot be done, the resource stays as it is, and a log line says so.
    """
    inner: Any = provider
    try:
        with inner._tracers_lock:
            inner._resource = resource
            for tracer in inner._tracers.values():
                tracer._set_resource(resource)
    except Exception:
        report_trouble("the resource of the tracer provider could not be changed")

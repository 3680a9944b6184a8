"""The live pipeline's end in the application: every span and log line is handed to an `EventSink`."""

from spantail.live.processor import EventSink, LiveSpanProcessor, LogEvent

__all__ = ["EventSink", "LiveSpanProcessor", "LogEvent"]

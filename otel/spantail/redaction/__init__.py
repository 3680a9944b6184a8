"""Redaction: what leaves the process is masked, bounded in size and fit for JSON."""

from spantail.redaction.redactor import TRUNCATED_KEY, UNREADABLE, Redactor, Remarks, Transform

__all__ = ["TRUNCATED_KEY", "UNREADABLE", "Redactor", "Remarks", "Transform"]

"""Redaction: what leaves the process is masked, bounded in size and fit for JSON."""

from spantail.redaction.attribute_sets import Remarks, Transform
from spantail.redaction.nested_values import TRUNCATED_KEY, UNREADABLE
from spantail.redaction.redactor import Redactor

__all__ = ["TRUNCATED_KEY", "UNREADABLE", "Redactor", "Remarks", "Transform"]

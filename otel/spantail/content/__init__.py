"""Message content (prompts and answers): whether it is recorded, the names it stands under, what was left out."""

from spantail.content.capture import CAPTURE_CONTENT_VARIABLE, content_capture_allowed
from spantail.content.left_out import (
    Dropped,
    Where,
    as_attribute,
    count_dropped,
    marks_of,
    size_of,
    take_marks,
)
from spantail.content.names import everyday_content, is_content, is_content_text, is_message_event, is_said_in_body

__all__ = [
    "CAPTURE_CONTENT_VARIABLE",
    "Dropped",
    "Where",
    "as_attribute",
    "content_capture_allowed",
    "count_dropped",
    "everyday_content",
    "is_content",
    "is_content_text",
    "is_message_event",
    "is_said_in_body",
    "marks_of",
    "size_of",
    "take_marks",
]

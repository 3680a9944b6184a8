"""Message content (prompts and answers): the names it stands under, and the marks of what was left out."""

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
    "Dropped",
    "Where",
    "as_attribute",
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

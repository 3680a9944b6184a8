"""What an LLM call was asked and answered: kept only where the environment allows it, else only measured."""

from __future__ import annotations

import json

from spantail import attributes as keys
from spantail.content import as_attribute, content_capture_allowed, marks_of, size_of
from spantail.llm.streamed_text import StreamedText
from spantail.trouble import report_trouble
from spantail.values import plain_text


class CallContent:
    """The message content of one attempt. Each method returns the attributes that are to be written on its span."""

    def __init__(self) -> None:
        self.prompt_bytes: int | None = None
        """Bytes of the prompt; None while nobody has said what was asked."""
        self._text = StreamedText()
        self._text_left_out = 0
        self._left_out: dict[str, int] = {}
        self._completion_known = False

    def prompt(self, messages: object) -> dict[str, object]:
        """Take what was asked: a text, or messages that JSON can say."""
        text = _text_of(messages)
        if text is None:
            return {}
        self.prompt_bytes = size_of(text)
        return self._kept(keys.GEN_AI_INPUT_MESSAGES, text)

    def completion(self, messages: object) -> dict[str, object]:
        """Take the answer, which counts instead of the pieces: a text, or messages that JSON can say."""
        self._completion_known = True
        text = _text_of(messages)
        return {} if text is None else self._kept(keys.GEN_AI_OUTPUT_MESSAGES, text)

    def piece(self, text: str) -> dict[str, object]:
        """Take a piece of a streamed answer."""
        if not text or self._text.is_full:
            return {}
        if not content_capture_allowed():
            self._text_left_out += size_of(text)
            return {}
        self._text.add(text)
        return {keys.GEN_AI_OUTPUT_MESSAGES: self._text.so_far()}

    def at_end(self) -> dict[str, object]:
        """Return what the pieces came to, where the answer was not given as one."""
        if self._completion_known:
            return {}
        written = self._leave_out(keys.GEN_AI_OUTPUT_MESSAGES, self._text_left_out) if self._text_left_out else {}
        return written | self._kept(keys.GEN_AI_OUTPUT_MESSAGES, self._text.whole()) if self._text else written

    def _kept(self, key: str, text: str) -> dict[str, object]:
        return {key: text} if content_capture_allowed() else self._leave_out(key, size_of(text))

    def _leave_out(self, key: str, size: int) -> dict[str, object]:
        self._left_out[key] = size
        return {keys.CONTENT_LEFT_OUT: as_attribute(marks_of(self._left_out, "application"))}


def _text_of(messages: object) -> str | None:
    try:
        if isinstance(messages, str):
            return plain_text(messages)
        return json.dumps(messages, ensure_ascii=False, default=str)
    except Exception:
        report_trouble("message content could not be recorded")
        return None

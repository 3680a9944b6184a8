"""Path parameters that may be any text, as names are that others give: of sessions, budgets, attributes."""

from __future__ import annotations

from starlette.convertors import Convertor, register_url_convertor


class _AnyText(Convertor[str]):
    """As `path`, which ends at a line break."""

    regex = "(?s:.*)"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


def register() -> None:
    """Make `{name:text}` known in paths."""
    register_url_convertor("text", _AnyText())

"""How the site of the documents is built: `make docs` writes it to `site/`.

The source folder is the whole checkout, so that a link from a page to a file of the repository is checked as well.
Sphinx reads Markdown by MyST; the theme is Furo, which asks no other host for anything.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from spantail_service import __version__

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "Spantail"
author = "The Spantail authors"
project_copyright = author
version = release = __version__

root_doc = "docs/index"
include_patterns = [
    "docs/**.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CODE_OF_CONDUCT.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
]
# Not looked into at all: some of them hold very many files.
exclude_patterns = [
    ".*", "bench", "deploy", "dist", "examples", "exporters", "frontend", "otel", "service", "site", "tests",
]  # fmt: skip

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_heading_anchors = 4
highlight_language = "python"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
python_use_unqualified_type_names = True
maximum_signature_line_length = 80

html_theme = "furo"
html_title = "Spantail"
html_favicon = "../frontend/public/favicon.svg"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_theme_options = {
    "navigation_with_keys": True,
    "top_of_page_buttons": [],
    "light_css_variables": {
        "color-brand-primary": "#1f5fe0",
        "color-brand-content": "#1f5fe0",
        "color-brand-visited": "#1f5fe0",
    },
    "dark_css_variables": {
        "color-brand-primary": "#7aa5ff",
        "color-brand-content": "#7aa5ff",
        "color-brand-visited": "#7aa5ff",
    },
}

_MADE_BY_HAND: Final = {"LiveSpanProcessor", "RedisLivetailExporter", "LivetailExporter"}
"""Classes whose objects an application makes; of the others the constructor is nobody's affair."""
_FENCE: Final = re.compile(r"(?ms)^```(\w+)\n(.*?)^```$")
_CODE: Final = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")


def setup(app: Sphinx) -> None:
    """Called by Sphinx: what no option says."""
    app.connect("autodoc-process-docstring", _as_restructured_text, priority=400)  # before napoleon reads it
    app.connect("autodoc-process-signature", _without_constructor)
    app.connect("build-finished", _lead_from_the_top)


def _as_restructured_text(
    _app: Sphinx, _what: str, _name: str, _obj: object, _options: object, lines: list[str]
) -> None:
    """Code in our docstrings is marked as in Markdown; autodoc reads reStructuredText."""

    def directive(found: re.Match[str]) -> str:
        code = "".join(f"    {line}\n" for line in found[2].splitlines())
        return f".. code-block:: {found[1]}\n\n{code}"

    text = _FENCE.sub(directive, "\n".join(lines))
    lines[:] = _CODE.sub(r"``\1``", text).splitlines()


def _without_constructor(
    _app: Sphinx, what: str, name: str, _obj: object, _options: object, signature: str | None, returns: str | None
) -> tuple[str | None, str | None] | None:
    if what == "class" and name.rpartition(".")[2] not in _MADE_BY_HAND:
        return "", None
    return signature, returns


def _lead_from_the_top(app: Sphinx, error: Exception | None) -> None:
    """Whoever opens the site begins at the index, which stands in `docs/` as in the repository."""
    if error is None:
        page = '<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0; url=docs/index.html">'
        link = '<title>Spantail</title><a href="docs/index.html">Spantail</a>\n'
        Path(app.outdir, "index.html").write_text(page + link, encoding="utf-8")

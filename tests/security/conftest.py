"""The browser of the journeys, here too."""

from tests.e2e.conftest import browser, built_page

__all__ = ["browser", "built_page"]

"""What the metrics of a run and of its calls say of the run."""

from __future__ import annotations

from typing import NamedTuple


class RunLabels(NamedTuple):
    """What is told apart.

    Attributes:
        operation: The name of the outermost operation in this process.
        demo: Whether it works on demo data.
    """

    operation: str
    demo: bool = False

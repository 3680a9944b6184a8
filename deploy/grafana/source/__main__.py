"""Writes the dashboards into `deploy/grafana/dashboards`: `make dashboards`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from deploy.grafana.source.latency import latency
from deploy.grafana.source.overview import overview
from deploy.grafana.source.pipeline import pipeline
from deploy.grafana.source.reliability import reliability
from deploy.grafana.source.spend import spend

FOLDER: Final = Path(__file__).resolve().parents[1] / "dashboards"


def files() -> dict[str, str]:
    """The name of each file, and what belongs into it."""
    boards = {make.__name__: make() for make in (overview, spend, reliability, latency, pipeline)}
    return {
        f"{name}.json": json.dumps(made.build(), cls=JSONEncoder, indent=2, ensure_ascii=False) + "\n"
        for name, made in boards.items()
    }


def main() -> None:
    """Write all of them."""
    for name, text in files().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

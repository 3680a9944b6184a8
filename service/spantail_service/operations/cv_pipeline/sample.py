"""A CV and a posting to try the pipeline with; nobody in them exists."""

from __future__ import annotations

from typing import Final

CV: Final = """\
# Mara Lindqvist

mara.lindqvist@example.com · +46 70 123 45 67 · Gothenburg

## Profile

Backend developer who likes small services and clear logs.

## Experience

### Senior Backend Developer, Kestrel Systems, 2021 – today

- Moved the billing service from cron jobs to a queue on Redis; month-end runs in 12 minutes instead of 3 hours
- Built the public API with FastAPI and PostgreSQL, used by 40 partners
- Introduced code review and wrote the guide for it

### Python Developer, Blue Harbour, 2017 – 2021

- Wrote importers for shipping data from 14 ports in Python
- Ran the services on Kubernetes and cut the pager load by half

### Junior Developer, Inkwell, 2015 – 2017

- Maintained the web shop and its tests

## Education

- BSc Computer Science, Chalmers, 2015

## Skills

Python, FastAPI, PostgreSQL, Redis, Kubernetes, Docker, Git
"""

POSTING: Final = """\
Senior Python Developer
Northlight

Northlight is looking for a senior Python developer to design, build and run the services behind our product.

What you bring:
- Python in daily use for years
- FastAPI or another framework for APIs
- PostgreSQL, and an eye for slow queries
- Redis as a queue or cache
- Terraform and AWS
"""

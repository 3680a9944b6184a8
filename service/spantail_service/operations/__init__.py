"""The operations that the service offers: a folder each, listed in `catalogue.py`.

An operation's folder has its input (`input.py`), what it asks the LLM (`prompts.py`) and its work (`operation.py`).
"""

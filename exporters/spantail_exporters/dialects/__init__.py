"""Other libraries' ways to write LLM calls, tools and sessions onto spans, read into our own attributes. Pure.

`understand.understood` is the way in; what it knows stands in tables: `kinds` (what a span is), `names` (one attribute
for another), `usage` (tokens and money inside JSON), `content` (prompts and answers). Each rule names its source. The
tests hold them to exports of the real libraries (`tests/fixtures/exports`).
"""

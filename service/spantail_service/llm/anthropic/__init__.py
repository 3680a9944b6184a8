"""Anthropic's API by LangChain."""

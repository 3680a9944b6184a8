"""LLM backends by LangChain."""

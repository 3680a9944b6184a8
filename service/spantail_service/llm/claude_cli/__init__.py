"""The Claude CLI as an LLM backend."""

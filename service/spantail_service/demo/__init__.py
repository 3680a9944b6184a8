"""The demo world: an LLM provider, a job board and some work, all on loopback. It stands in for the
outside world only; the clients that talk to it are the real ones.
"""

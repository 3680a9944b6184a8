"""Pydantic AI under Logfire: an agent that calls a tool."""

from __future__ import annotations

import logfire
from _logfire import configure
from pydantic_ai import Agent

configure()
logfire.instrument_pydantic_ai()

agent = Agent("openai-chat:gpt-4o-mini", name="weather", system_prompt="Answer briefly.")


@agent.tool_plain
def get_weather(city: str) -> str:
    """Tell the weather of a city."""
    logfire.force_flush()  # what is open is told of now, not half a second later
    return f"Sunny in {city}."


agent.run_sync('How is the weather? [[demo-tool get_weather {"city": "Bern"}]]')
logfire.shutdown()

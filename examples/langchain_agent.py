"""A LangChain agent with a tool, made visible by OpenInference's instrumentation: no span is made by hand.

Run `make run` in one terminal, and in another, from the same folder:

    .venv/bin/pip install langchain-openai openinference-instrumentation-langchain
    SPANTAIL_REDIS_URL=unix://$PWD/.spantail/redis/redis.sock .venv/bin/python examples/langchain_agent.py

and open the address that it prints. It asks OpenAI where `OPENAI_API_KEY` is set, else a model that this program
brings along: Spantail's demo provider, on this machine.
"""

import asyncio
import os
from contextlib import AsyncExitStack

from langchain_core.messages import BaseMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from openinference.instrumentation.langchain import LangChainInstrumentor

import spantail
from spantail_service.demo.server import DemoServer

PAGE = os.environ.get("SPANTAIL_URL", "http://127.0.0.1:8321")
# The words in brackets have the demo provider ask for the tool; a real model needs no such hint.
QUESTION = 'Which jobs are there in Bern? [[demo-tool find_jobs {"city": "Bern"}]]'


@tool
def find_jobs(city: str) -> str:
    """Find the open jobs in a city."""
    return f"Two in {city}: baker and clockmaker."


async def answer(model: ChatOpenAI) -> None:
    """Let the model call the tool until it has its answer."""
    agent = model.bind_tools([find_jobs])
    messages: list[BaseMessage] = [HumanMessage(QUESTION)]
    while (said := await agent.ainvoke(messages)).tool_calls:
        messages.append(said)
        for call in said.tool_calls:
            found = await find_jobs.ainvoke(call["args"])
            messages.append(ToolMessage(found, tool_call_id=call["id"]))


async def main() -> None:
    """Ask one question."""
    async with AsyncExitStack() as stack:
        if not os.environ.get("OPENAI_API_KEY"):
            demo = await stack.enter_async_context(DemoServer())
            os.environ |= {"OPENAI_API_KEY": "demo", "OPENAI_BASE_URL": demo.openai_url}
        with spantail.operation("find work", root=True) as run:
            print(f"{PAGE}/runs/{run.run_id}", flush=True)
            await answer(ChatOpenAI(model="gpt-4o-mini"))


handle = spantail.configure(service_name="langchain-example")
LangChainInstrumentor().instrument()
asyncio.run(main())
handle.shutdown()

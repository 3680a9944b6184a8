"""A LangChain application under OpenInference, live by `spantail.configure()` with SPANTAIL_STARTS=otlp."""

from __future__ import annotations

from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from openinference.instrumentation.langchain import LangChainInstrumentor

import spantail

handle = spantail.configure("shop")
LangChainInstrumentor().instrument()


@tool
def price_of(title: str) -> str:
    """Tell the price of a book."""
    return f"{title} costs 12 francs."


prompt = ChatPromptTemplate.from_messages([("user", "{question} {found}")])
model = ChatOpenAI(model="gpt-4o-mini", max_retries=0)


def gather(question: str) -> dict[str, str]:
    """Collect what the model is to know."""
    return {"question": question, "found": price_of.invoke({"title": "Tea"})}


(RunnableLambda(gather) | prompt | model).invoke("Which book? [[demo-usage cached=64 reasoning=8]]")
handle.shutdown()

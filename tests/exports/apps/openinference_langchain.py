"""LangChain under OpenInference: a chain with a retriever, a tool, a prompt and a model, and a stream."""

from __future__ import annotations

from _otlp import stock_provider
from langchain_core.documents import Document
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from openinference.instrumentation import using_attributes
from openinference.instrumentation.langchain import LangChainInstrumentor

provider = stock_provider()
LangChainInstrumentor().instrument(tracer_provider=provider)


class Shelf(BaseRetriever):
    """Finds one book."""

    def _get_relevant_documents(self, query: str, *, run_manager: object) -> list[Document]:
        return [Document(page_content="A book on tea.", metadata={"shelf": 3})]


@tool
def price_of(title: str) -> str:
    """Tell the price of a book."""
    return f"{title} costs 12 francs."


prompt = ChatPromptTemplate.from_messages([("user", "{question}\n{found}")])
model = ChatOpenAI(model="gpt-4o-mini", max_retries=0)
shelf = Shelf()


def gather(question: str) -> dict[str, str]:
    """Collect what the model is to know."""
    found = shelf.invoke(question)
    return {"question": question, "found": found[0].page_content + price_of.invoke({"title": "Tea"})}


chain = RunnableLambda(gather) | prompt | model
with using_attributes(session_id="s-1", user_id="ada"):
    chain.invoke("Which book? [[demo-usage cached=64 reasoning=8]]")
    for _ in (prompt | model).stream({"question": "And another?", "found": ""}):
        pass
provider.shutdown()

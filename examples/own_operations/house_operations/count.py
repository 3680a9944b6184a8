"""The shortest operation: it makes no span itself. Its run is a span all the same, with its end and its errors."""

from pydantic import BaseModel, ConfigDict, Field

from spantail_service.operations.base import Operation, OperationError, Result, Tools, subject_of, work_on


class CountInput(BaseModel):
    """Which text to count. The form on the page and the checks of HTTP come from here."""

    model_config = ConfigDict(extra="forbid", title="Count words")

    text: str = Field(max_length=100_000, title="Text", description="What to count the words of.")


async def count(request: CountInput, _tools: Tools) -> Result:
    """How many words there are; an error, whose message the user reads, where there are none."""
    words = request.text.split()
    if not words:
        raise OperationError("the text has no words")
    return {"words": len(words)}


COUNT = Operation(
    name="count-words",
    title="count words",
    description="Counts the words of a text.",
    input_model=CountInput,
    layers=(),
    work=work_on(CountInput, count),
    subject=subject_of(CountInput, lambda request: request.text[:30]),
)

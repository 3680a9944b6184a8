"""Reading a request's JSON body by hand: the errors say where something does not fit, and repeat nothing of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import orjson
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from spantail_service.web.problems import ProblemError

if TYPE_CHECKING:
    from collections.abc import Collection

    from fastapi import Request

M = TypeVar("M", bound=BaseModel)


async def json_object(request: Request) -> dict[str, Any]:
    """The JSON object in a request's body; an empty one where there is no body.

    Raises:
        ProblemError: The body is of another media type.
        RequestValidationError: It is no JSON object.
    """
    body = await request.body()
    if not body:
        return {}
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise ProblemError(415, "unsupported-media-type", "This route takes application/json.")
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestValidationError(
            [{"loc": ("body", error.pos), "msg": "This is not valid JSON.", "type": "json_invalid"}]
        ) from None
    if not isinstance(given, dict):
        raise RequestValidationError([{"loc": ("body",), "msg": "A JSON object is wanted.", "type": "dict_type"}])
    return given


def parsed(
    model: type[M], given: dict[str, Any], *, where: tuple[str, ...] = ("body",), from_path: Collection[str] = ()
) -> M:
    """`given` as an instance of `model`.

    Args:
        model: What it has to fit.
        given: What came.
        where: Where it stood in the request.
        from_path: Names of fields that came from the path.

    Raises:
        RequestValidationError: It does not fit.
    """
    try:
        return model.model_validate(given)
    except ValidationError as error:
        found = [
            {**e, "loc": (*(("path",) if e["loc"][:1] and e["loc"][0] in from_path else where), *e["loc"])}
            for e in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        raise RequestValidationError(found) from None

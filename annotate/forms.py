"""The form of a reply: told to the model, given to the endpoint as a schema, and held against what comes back.

One pydantic class is the schema and the check. A reply is read as the JSON object asked for, or, from a model
that answers in text, through the form's own reading of that text; both end in the same check. What fails is a
`ParseError`, whose message is written for the model: it is asked again with it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from demitasse.engine.caller import ParseError

# A raw line break inside a JSON string is against the letter of the format and loses nothing.
_DECODER = json.JSONDecoder(strict=False)
_ERRORS_SHOWN = 4


def _filled(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    if any("\ud800" <= sign <= "\udfff" for sign in text):  # an escape of JSON: no file in UTF-8 can hold it
        raise ValueError("must be text: half of a surrogate pair is none")
    return text.strip()


def _one_line(text: str) -> str:
    """Without line breaks; spaces stay as they are."""
    return " ".join(line.strip() for line in text.splitlines())


Filled = Annotated[str, AfterValidator(_filled)]
Line = Annotated[str, AfterValidator(_one_line), AfterValidator(_filled)]


class Fields(BaseModel):
    """The fields of a reply. Unknown keys are an error, so that the schema says `additionalProperties: false`."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Reply = TypeVar("Reply", bound=Fields)


@dataclass(frozen=True)
class Form(Generic[Reply]):
    """What a reply must look like.

    Attributes:
        fields: the checked class.
        as_json: told to a model that is given the schema.
        as_text: told to one that is not.
        from_text: reads what `as_text` asks for into the shape of `fields`; None if it is not there.
    """

    fields: type[Reply]
    as_json: str
    as_text: str
    from_text: Callable[[str], Mapping[str, Any] | None]

    @property
    def schema(self) -> dict[str, Any]:
        """JSON schema of the reply, without keywords that endpoints refuse."""
        return _schema(self.fields)

    def layout(self, structured: bool) -> str:
        """The words that ask for the form."""
        return self.as_json if structured else self.as_text

    def read(self, text: str, duration: float = math.inf) -> Reply:
        """Check a reply; one that holds times, about a video of `duration` seconds.

        Raises:
            ParseError: with what is wrong, for the model to mend.
        """
        content = _object(text, self.fields) or self.from_text(text)
        if content is None:
            raise ParseError("The reply is not in the form asked for. Keep exactly to it, and leave nothing out.")
        try:
            return self.fields.model_validate(content, context={"duration": duration})
        except ValidationError as error:
            raise ParseError(_told(error)) from error


@cache
def _schema(fields: type[Fields]) -> dict[str, Any]:
    """Made once: it is part of the key of every row, and takes pydantic milliseconds."""
    return fields.model_json_schema(by_alias=True)


def _object(text: str, fields: type[Fields]) -> dict[str, Any] | None:
    """The first JSON object in the text that has one of the form's keys, fenced or with prose around it."""
    names = {field.alias or name for name, field in fields.model_fields.items()}
    position = text.find("{")
    while position >= 0:
        try:
            value, end = _DECODER.raw_decode(text, position)
        except (ValueError, RecursionError):
            value, end = None, position + 1
        if isinstance(value, dict) and names & value.keys():
            return value
        position = text.find("{", end)
    return None


def _told(error: ValidationError) -> str:
    """The errors in one sentence each, without pydantic's links and without the input they quote."""
    told = []
    for one in error.errors(include_url=False, include_context=False)[:_ERRORS_SHOWN]:
        place = ".".join(str(part) for part in one["loc"])
        message = one["msg"].removeprefix("Value error, ")
        told.append(f"{place}: {message}" if place else message)
    return "The reply cannot be used. " + "; ".join(told) + "."

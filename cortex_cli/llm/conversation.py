"""What is said to a provider and what comes back, in the words of pydantic-ai and of the engine.

Importing this module takes a second or two: only `remote` does, when an answer is wanted.
"""

import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import httpx2
from pydantic_ai import messages as theirs
from pydantic_ai.direct import model_request, model_request_stream
from pydantic_ai.exceptions import AgentRunError, UserError
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.output import OutputObjectDefinition
from pydantic_ai.settings import ModelSettings

from cortex_cli.engine.ports import (
    CutShort,
    Message,
    ModelPiece,
    ModelRequest,
    TextPiece,
    ThoughtPiece,
)
from cortex_cli.errors import ActionError
from cortex_cli.events import Usage
from cortex_cli.llm.connection import Connection
from cortex_cli.llm.providers import connect
from cortex_cli.llm.remote_errors import as_action_error
from cortex_cli.llm.turns import our_call, their_messages, their_tool

_TELL_SCHEMA = "Answer with JSON only, without any other text. It has to fit this JSON Schema: "


class Conversation:
    """Open connections to one model, in one event loop."""

    def __init__(self, connection: Connection, key: str | None) -> None:
        self._connection = connection
        self._key = key
        self._model, self._http = connect(connection, key)
        self._takes_schemas = bool(self._model.profile.get("supports_json_schema_output"))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def pieces(self, request: ModelRequest) -> AsyncGenerator[ModelPiece]:
        """The pieces of an answer, with the usage last; ActionError if there is none."""
        # Some services take no schema of the answer where there are tools.
        is_taken = self._takes_schemas and not request.tools
        asked = request if is_taken else _told(request)
        try:
            async with aclosing(self._answer(asked)) as pieces:
                async for piece in pieces:
                    yield piece
            return
        except ActionError as error:
            if asked.schema is None or error.error_type != "request":
                raise
        # Some endpoints refuse schemas; one that takes the question without is one of them.
        async with aclosing(self._answer(_told(request))) as pieces:
            async for piece in pieces:
                self._takes_schemas = False
                yield piece

    async def _answer(self, request: ModelRequest) -> AsyncGenerator[ModelPiece]:
        answer = self._streamed(request) if request.stream else self._at_once(request)
        try:
            async with aclosing(answer) as pieces:
                async for piece in pieces:
                    yield piece
        except (AgentRunError, UserError, httpx2.HTTPError) as error:
            raise as_action_error(error, self._connection.name, self._key) from error

    async def _streamed(self, request: ModelRequest) -> AsyncGenerator[ModelPiece]:
        async with model_request_stream(
            self._model,
            list(their_messages(request.messages)),
            model_settings=_settings(request),
            model_request_parameters=_parameters(request),
        ) as stream:
            async for event in stream:
                piece = _piece(event)
                if piece is not None:
                    yield piece
            response = stream.get()
        for piece in self._ending(response):
            yield piece

    async def _at_once(self, request: ModelRequest) -> AsyncGenerator[ModelPiece]:
        response = await model_request(
            self._model,
            list(their_messages(request.messages)),
            model_settings=_settings(request),
            model_request_parameters=_parameters(request),
        )
        for piece in (*_parts(response), *self._ending(response)):
            yield piece

    def _ending(self, response: theirs.ModelResponse) -> Iterator[ModelPiece]:
        if response.finish_reason == "length":
            yield CutShort("length")
        elif response.finish_reason == "content_filter":
            yield CutShort("filter")
        yield self._usage(response)

    def _usage(self, response: theirs.ModelResponse) -> Usage:
        cost: float | None = None
        if self._connection.base_url is None:
            try:
                cost = float(response.cost().total_price)
            except LookupError:
                # Its price is not known.
                cost = None
        used = response.usage
        return Usage(
            input_tokens=used.input_tokens, output_tokens=used.output_tokens, cost_usd=cost
        )


def _told(request: ModelRequest) -> ModelRequest:
    """The request with its schema in words."""
    if request.schema is None:
        return request
    told = Message(role="user", content=_TELL_SCHEMA + json.dumps(request.schema))
    return replace(request, schema=None, messages=(*request.messages, told))


def _settings(request: ModelRequest) -> ModelSettings:
    settings = ModelSettings()
    if request.temperature is not None:
        settings["temperature"] = request.temperature
    if request.top_p is not None:
        settings["top_p"] = request.top_p
    if request.max_tokens is not None:
        settings["max_tokens"] = request.max_tokens
    if request.grammar is not None:
        settings["extra_body"] = {"grammar": request.grammar}
    if request.tools and not request.may_call:
        settings["tool_choice"] = "none"
    return settings


def _parameters(request: ModelRequest) -> ModelRequestParameters:
    tools = [their_tool(tool) for tool in request.tools]
    if request.schema is None:
        return ModelRequestParameters(function_tools=tools)
    schema: dict[str, Any] = dict(request.schema)
    answer = OutputObjectDefinition(json_schema=schema, name="answer", strict=None)
    return ModelRequestParameters(function_tools=tools, output_mode="native", output_object=answer)


def _piece(event: theirs.ModelResponseStreamEvent) -> ModelPiece | None:
    match event:
        case (
            theirs.PartDeltaEvent(delta=theirs.TextPartDelta(content_delta=text))
            | theirs.PartStartEvent(part=theirs.TextPart(content=text))
        ) if text:
            return TextPiece(text)
        case (
            theirs.PartDeltaEvent(delta=theirs.ThinkingPartDelta(content_delta=str(text)))
            | theirs.PartStartEvent(part=theirs.ThinkingPart(content=text))
        ) if text:
            return ThoughtPiece(text)
        case theirs.PartEndEvent(part=theirs.ToolCallPart() as part):
            return our_call(part)
        case _:
            return None


def _parts(response: theirs.ModelResponse) -> Iterator[ModelPiece]:
    for part in response.parts:
        match part:
            case theirs.TextPart(content=text) if text:
                yield TextPiece(text)
            case theirs.ThinkingPart(content=text) if text:
                yield ThoughtPiece(text)
            case theirs.ToolCallPart():
                yield our_call(part)
            case _:
                continue

"""Scripted endpoints that speak the APIs of Anthropic and Google, as far as a client needs them."""

import json
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from typing import Any, cast

import anyio

from cortex_cli.testing import Answer, BrokenOff, Call, Garbled, Hang, Refusal, ScriptedServer
from cortex_cli.testing.completions import Served
from cortex_cli.testing.scripts import Script, paced, tokens_of
from cortex_cli.testing.server import Received

_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n"
    b"Connection: close\r\n\r\n"
)
Event = tuple[str, dict[str, Any]]


class Wire(ScriptedServer):
    """An endpoint with an API of its own; what is scripted is the same."""

    def _served(self, received: Received) -> Served:
        script = next(self._answers, None)
        if script is None:
            return self.refused(400, "no answer is left", None, None)
        body = cast("dict[str, Any]", received.body)
        match script:
            case Refusal(status=status, message=message, code=code, retry_after=seconds):
                return self.refused(status, message, code, seconds)
            case str():
                return self._answered(received, body, Answer(text=script))
            case Answer():
                return self._answered(received, body, script)
            case BrokenOff(text) | Garbled(text) | Hang(text):
                return Served(_HEAD, self._failing(body, Answer(text=text), script))

    def _answered(self, received: Received, body: dict[str, Any], answer: Answer) -> Served:
        if self.is_streamed(received):
            return Served(_HEAD, self._streaming(body, answer))
        return Served.whole(200, self.whole(body, answer))

    async def _streaming(self, body: dict[str, Any], answer: Answer) -> AsyncGenerator[bytes]:
        events = self.events(body, answer, is_whole=True)
        async with aclosing(paced(events, answer.pace or self._pace)) as due:
            async for kind, data in due:
                yield _event(kind, json.dumps(data))
        yield b"0\r\n\r\n"

    async def _failing(
        self, body: dict[str, Any], answer: Answer, fault: Script
    ) -> AsyncGenerator[bytes]:
        for kind, data in self.events(body, answer, is_whole=False):
            yield _event(kind, json.dumps(data))
        if isinstance(fault, Garbled):
            yield _event("message_delta", "{]")
            yield b"0\r\n\r\n"
        elif isinstance(fault, Hang):
            await anyio.sleep_forever()

    def is_streamed(self, received: Received) -> bool:
        raise NotImplementedError

    def refused(
        self, status: int, message: str, code: str | None, retry_after: float | None
    ) -> Served:
        raise NotImplementedError

    def whole(self, body: dict[str, Any], answer: Answer) -> dict[str, Any]:
        raise NotImplementedError

    def events(self, body: dict[str, Any], answer: Answer, *, is_whole: bool) -> Iterator[Event]:
        raise NotImplementedError


class AnthropicServer(Wire):
    """`POST /v1/messages`."""

    @property
    def base_url(self) -> str:
        return super().base_url.removesuffix("/v1")

    def is_streamed(self, received: Received) -> bool:
        return bool(received.body.get("stream"))

    def refused(
        self, status: int, message: str, code: str | None, retry_after: float | None
    ) -> Served:
        if code == "context_length_exceeded":
            message = "prompt is too long: 9 tokens > 8 maximum"
        if code == "insufficient_quota":
            status = 402
        kinds = {400: "invalid_request_error", 401: "authentication_error", 404: "not_found_error"}
        kind = {402: "billing_error", 429: "rate_limit_error", 503: "overloaded_error"} | kinds
        error = {"type": kind.get(status, "api_error"), "message": message}
        headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
        return Served.whole(status, {"type": "error", "error": error}, headers)

    def whole(self, body: dict[str, Any], answer: Answer) -> dict[str, Any]:
        blocks: list[dict[str, Any]] = []
        if answer.thought:
            blocks.append({"type": "thinking", "thinking": answer.thought, "signature": "s"})
        if answer.text:
            blocks.append({"type": "text", "text": answer.text})
        blocks += [
            {**_tool_use(place, call), "input": call.arguments}
            for place, call in enumerate(answer.calls)
        ]
        usage = {"input_tokens": _asked(_texts(body)), "output_tokens": len(answer.tokens)}
        return {**_message(body), "content": blocks, "usage": usage, **_stopped(answer)}

    def events(self, body: dict[str, Any], answer: Answer, *, is_whole: bool) -> Iterator[Event]:
        usage = {"input_tokens": _asked(_texts(body)), "output_tokens": 0}
        message = {**_message(body), "stop_reason": None, "stop_sequence": None, "usage": usage}
        yield "message_start", {"type": "message_start", "message": message}

        yield from self._blocks(answer)
        if is_whole:
            usage = {"output_tokens": len(answer.tokens)}
            data = {"type": "message_delta", "delta": _stopped(answer), "usage": usage}
            yield "message_delta", data
            yield "message_stop", {"type": "message_stop"}

    def _blocks(self, answer: Answer) -> Iterator[Event]:
        place = 0
        if answer.thought:
            block = {"type": "thinking", "thinking": "", "signature": ""}
            pieces = [{"thinking": token} for token in tokens_of(answer.thought)]
            yield from _block(place, block, "thinking_delta", pieces)
            place += 1
        if answer.text:
            pieces = [{"text": token} for token in tokens_of(answer.text)]
            yield from _block(place, {"type": "text", "text": ""}, "text_delta", pieces)
            place += 1
        for call in answer.calls:
            written = "" if call.arguments == {} else call.written
            pieces = [{"partial_json": token} for token in tokens_of(written)]
            yield from _block(place, _tool_use(place, call), "input_json_delta", pieces)
            place += 1


class GoogleServer(Wire):
    """`POST /v1beta/models/MODEL:generateContent`, and `:streamGenerateContent`."""

    @property
    def base_url(self) -> str:
        return super().base_url.removesuffix("/v1")

    def is_streamed(self, received: Received) -> bool:
        return ":streamGenerateContent" in received.path

    def refused(
        self, status: int, message: str, code: str | None, retry_after: float | None
    ) -> Served:
        if code == "context_length_exceeded":
            message = "The input token count (9) exceeds the maximum number of tokens allowed (8)."
        words = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 404: "NOT_FOUND"}
        word = {429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE"} | words
        details: list[dict[str, Any]] = []
        if code == "insufficient_quota":
            violation = {"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}
            kind = "type.googleapis.com/google.rpc.QuotaFailure"
            details = [{"@type": kind, "violations": [violation]}]
        if retry_after is not None:
            kind = "type.googleapis.com/google.rpc.RetryInfo"
            details = [{"@type": kind, "retryDelay": f"{retry_after:g}s"}]
        error = {"code": status, "message": message, "status": word[status], "details": details}
        headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
        return Served.whole(status, {"error": error}, headers)

    def whole(self, body: dict[str, Any], answer: Answer) -> dict[str, Any]:
        parts: list[dict[str, Any]] = []
        if answer.thought:
            parts.append({"text": answer.thought, "thought": True})
        if answer.text:
            parts.append({"text": answer.text})
        parts += [_function_call(place, call) for place, call in enumerate(answer.calls)]
        return {**_candidate(parts, _finish(answer)), **_counted(body, answer)}

    def events(self, body: dict[str, Any], answer: Answer, *, is_whole: bool) -> Iterator[Event]:
        for token in tokens_of(answer.thought):
            yield "", _candidate([{"text": token, "thought": True}])
        for token in tokens_of(answer.text):
            yield "", _candidate([{"text": token}])
        for place, call in enumerate(answer.calls):
            yield "", _candidate([_function_call(place, call)])
        if is_whole:
            yield "", {**_candidate([], _finish(answer)), **_counted(body, answer)}


def _block(
    place: int, block: dict[str, Any], kind: str, pieces: list[dict[str, str]]
) -> Iterator[Event]:
    name = "content_block_start"
    yield name, {"type": name, "index": place, "content_block": block}
    name = "content_block_delta"
    for piece in pieces:
        yield name, {"type": name, "index": place, "delta": {"type": kind, **piece}}
    yield "content_block_stop", {"type": "content_block_stop", "index": place}


def _tool_use(place: int, call: Call) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"toolu_{place}", "name": call.name, "input": {}}


def _message(body: Mapping[str, Any]) -> dict[str, Any]:
    named = {"id": "msg_1", "type": "message", "role": "assistant"}
    return {**named, "model": body["model"], "content": []}


def _stopped(answer: Answer) -> dict[str, Any]:
    reason = "tool_use" if answer.calls else "end_turn"
    return {"stop_reason": "max_tokens" if answer.is_cut else reason, "stop_sequence": None}


def _function_call(place: int, call: Call) -> dict[str, Any]:
    called = {"id": f"call_{place}", "name": call.name, "args": call.arguments}
    return {"functionCall": called}


def _candidate(parts: list[dict[str, Any]], finish: str | None = None) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
    if finish is not None:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], "modelVersion": "m", "responseId": "r"}


def _finish(answer: Answer) -> str:
    return "MAX_TOKENS" if answer.is_cut else "STOP"


def _counted(body: Mapping[str, Any], answer: Answer) -> dict[str, Any]:
    asked = _asked(part.get("text", "") for turn in body["contents"] for part in turn["parts"])
    thoughts = len(tokens_of(answer.thought))
    written = len(answer.tokens) - thoughts
    counts = {"promptTokenCount": asked, "candidatesTokenCount": written}
    counts |= {"thoughtsTokenCount": thoughts, "totalTokenCount": asked + written + thoughts}
    return {"usageMetadata": counts}


def _texts(body: Mapping[str, Any]) -> Iterator[str]:
    for message in body["messages"]:
        content = message["content"]
        if isinstance(content, str):
            yield content
        else:
            yield from (block.get("text", "") for block in content)


def _asked(texts: Any) -> int:
    return sum(len(tokens_of(text)) for text in texts)


def _event(kind: str, data: str) -> bytes:
    named = f"event: {kind}\n" if kind else ""
    content = f"{named}data: {data}\n\n".encode()
    return f"{len(content):x}\r\n".encode() + content + b"\r\n"

"""The answers of the scripted server, as bytes of HTTP: whole, or as server-sent events."""

import json
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Self, assert_never

import anyio
from anyio.abc import ByteStream

from cortex_cli.testing.scripts import (
    Answer,
    BrokenOff,
    Call,
    Garbled,
    Hang,
    Pace,
    Refusal,
    Script,
    paced,
    tokens_of,
)

_REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found"}
_LAST_CHUNK = b"0\r\n\r\n"
_NO_JSON = "{]"


@dataclass(frozen=True, slots=True)
class Served:
    """An answer on its way out: what comes first, and what follows, in order and in time."""

    head: bytes
    body: AsyncGenerator[bytes] | None = None

    @classmethod
    def whole(cls, status: int, content: Any, headers: Mapping[str, str] | None = None) -> Self:
        """An answer of one piece of JSON."""
        return cls(_whole(status, json.dumps(content).encode(), headers or {}))

    @classmethod
    def refusal(
        cls, status: int, message: str, code: str | None, retry_after: float | None = None
    ) -> Self:
        """An error, in the words of the API."""
        headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
        error = {"message": message, "type": "scripted_error", "param": None, "code": code}
        return cls.whole(status, {"error": error}, headers)

    async def send(self, stream: ByteStream) -> None:
        """Send it all."""
        if self.head:
            await stream.send(self.head)
        if self.body is not None:
            async with aclosing(self.body) as body:
                async for part in body:
                    await stream.send(part)


@dataclass(frozen=True, slots=True)
class Completion:
    """A chat completion for the request `body`."""

    body: Mapping[str, Any]
    model: str
    pace: Pace

    def served(self, script: Script) -> Served:
        """What the script says, streamed if that was asked for."""
        is_streamed = self.body.get("stream") is True
        match script:
            case Refusal(status=status, message=message, code=code, retry_after=seconds):
                return Served.refusal(status, message, code, seconds)
            case str() | Answer():
                answer = Answer(text=script) if isinstance(script, str) else script
                return self._streamed(answer, None) if is_streamed else self._whole(answer)
            case BrokenOff(text) | Garbled(text) | Hang(text):
                answer = Answer(text=text)
                return self._streamed(answer, script) if is_streamed else self._failed(script)
            case _:
                assert_never(script)

    def _streamed(self, answer: Answer, fault: Script | None) -> Served:
        head = _head(200, {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"})
        return Served(head, self._events(answer, fault))

    async def _events(self, answer: Answer, fault: Script | None) -> AsyncGenerator[bytes]:
        yield self._chunk({"role": "assistant", "content": ""})
        async with aclosing(paced(self._deltas(answer), answer.pace or self.pace)) as deltas:
            async for delta in deltas:
                yield self._chunk(delta)
        match fault:
            case BrokenOff():
                return
            case Garbled():
                yield _event(_NO_JSON)
            case Hang():
                await anyio.sleep_forever()
            case _:
                yield self._chunk({}, finish=_finish(answer))
                if self._wants_usage():
                    yield self._event(choices=[], usage=self._usage(answer))
                yield _event("[DONE]") + _LAST_CHUNK

    def _deltas(self, answer: Answer) -> Iterator[Mapping[str, Any]]:
        """What is added, token by token; of a call first its name, then its arguments in pieces."""
        for token in tokens_of(answer.thought):
            yield {"reasoning_content": token}
        for token in tokens_of(answer.text):
            yield {"content": token}
        for place, call in enumerate(answer.calls):
            first, *rest = tokens_of(call.written) or [""]
            yield {"tool_calls": [{"index": place, **self._called(place, call, first)}]}
            for token in rest:
                piece = {"index": place, "function": {"arguments": token}}
                yield {"tool_calls": [piece]}

    def _called(self, place: int, call: Call, arguments: str) -> dict[str, Any]:
        function = {"name": call.name, "arguments": arguments}
        asked = len(self.body.get("messages") or [])
        return {"id": f"call_{asked}_{place}", "type": "function", "function": function}

    def _whole(self, answer: Answer) -> Served:
        message: dict[str, Any] = {"role": "assistant", "content": answer.text}
        if answer.thought:
            message["reasoning_content"] = answer.thought
        if answer.calls:
            calls = enumerate(answer.calls)
            message["tool_calls"] = [
                self._called(place, call, call.written) for place, call in calls
            ]
        choice = {"index": 0, "message": message, "finish_reason": _finish(answer)}
        named = self._named("chat.completion")
        content = {**named, "choices": [choice], "usage": self._usage(answer)}
        pace = answer.pace or self.pace
        seconds = pace.due(max(0, len(answer.tokens) - 1))
        return Served(b"", _later(_whole(200, json.dumps(content).encode(), {}), seconds))

    def _failed(self, fault: BrokenOff | Garbled | Hang) -> Served:
        match fault:
            case BrokenOff():
                return Served(_head(200, {"Content-Length": "1000"}))
            case Garbled():
                return Served(_whole(200, _NO_JSON.encode(), {}))
            case Hang():
                return Served(b"", _never())
            case _:
                assert_never(fault)

    def _chunk(self, delta: Mapping[str, Any], finish: str | None = None) -> bytes:
        return self._event(choices=[{"index": 0, "delta": delta, "finish_reason": finish}])

    def _event(self, **content: Any) -> bytes:
        return _event(json.dumps({**self._named("chat.completion.chunk"), **content}))

    def _named(self, kind: str) -> dict[str, Any]:
        model = self.body.get("model", self.model)
        return {"id": "scripted-1", "object": kind, "created": 1_700_000_000, "model": model}

    def _wants_usage(self) -> bool:
        options: Mapping[str, Any] = self.body.get("stream_options") or {}
        return options.get("include_usage") is True

    def _usage(self, answer: Answer) -> dict[str, int]:
        messages: list[Mapping[str, Any]] = self.body.get("messages") or []
        asked = sum(len(tokens_of(str(message.get("content") or ""))) for message in messages)
        written = len(answer.tokens)
        return {
            "prompt_tokens": asked,
            "completion_tokens": written,
            "total_tokens": asked + written,
        }


def _finish(answer: Answer) -> str:
    if answer.is_cut:
        return "length"
    return "tool_calls" if answer.calls else "stop"


async def _later(content: bytes, seconds: float) -> AsyncGenerator[bytes]:
    await anyio.sleep(seconds)
    yield content


async def _never() -> AsyncGenerator[bytes]:
    await anyio.sleep_forever()
    yield b""


def _event(data: str) -> bytes:
    content = f"data: {data}\n\n".encode()
    return f"{len(content):x}\r\n".encode() + content + b"\r\n"


def _whole(status: int, content: bytes, headers: Mapping[str, str]) -> bytes:
    length = {"Content-Type": "application/json", "Content-Length": str(len(content))}
    return _head(status, {**length, **headers}) + content


def _head(status: int, headers: Mapping[str, str]) -> bytes:
    lines = [f"{name}: {value}" for name, value in headers.items()]
    first = f"HTTP/1.1 {status} {_REASONS.get(status, 'Error')}"
    return "\r\n".join([first, *lines, "Connection: close", "", ""]).encode("latin-1")

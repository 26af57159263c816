"""Local models: llama.cpp in a process of its own, and a client for it (extra `local`)."""

import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import anyio
import msgspec
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

from cortex_cli.engine.ports import ModelPiece, ModelRequest
from cortex_cli.errors import ActionError, SetupError
from cortex_cli.events import Usage
from cortex_cli.llm.connection import THREE_WAYS, Connection
from cortex_cli.llm.remote import RemoteModel

CONTEXT_TOKENS = 4096
THREADS = 1
_LOAD_SECONDS = 120.0
_END_SECONDS = 0.5
_LONGEST_LINE = 65_536
_INHERITED = ("CORTEX_RUN_MARK", "HOME", "LANG", "LC_ALL", "PATH", "TMPDIR")
_KEY = "KEY"
_SIGNS_OF_DEATH = frozenset({"unreachable", "broken_stream"})


class LocalModel:
    """A model client for a file of weights on this machine.

    The process starts with the first request and ends with `aclose`, or with the process that
    started it, however that ends. It computes on one thread and answers one request at a time;
    what a request and its answer hold together may be 4,096 tokens. It costs nothing.
    """

    takes_grammars = True
    context_tokens = CONTEXT_TOKENS

    def __init__(self, name: str, weights: Path) -> None:
        """`name` is `local:` and the model's; SetupError if the extra is missing."""
        if find_spec("xllamacpp") is None:
            message = f"the model '{name}' needs the extra 'local'"
            hint = f"pip install 'cortex-agent-loop[local]'; {THREE_WAYS}"
            raise SetupError(message, hint=hint)
        self._name = name
        self._weights = weights
        self._starting = anyio.Lock()
        self._process: Process | None = None
        self._client: RemoteModel | None = None

    @property
    def name(self) -> str:
        """`local:` and the model's name."""
        return self._name

    def price(self, _: Usage) -> float:
        """It costs nothing."""
        return 0.0

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelPiece]:
        """The pieces as they come; closing it ends the computing, too."""
        client = await self._ready()
        try:
            async with aclosing(client.stream(request)) as pieces:
                async for piece in pieces:
                    yield _free(piece)
        except ActionError as error:
            if error.error_type in _SIGNS_OF_DEATH and self._process is not None:
                # So that the next attempt finds that it has ended, if it has.
                with anyio.move_on_after(_END_SECONDS):
                    await self._process.wait()
            raise

    async def aclose(self) -> None:
        """End the process; the next request starts another."""
        client, self._client = self._client, None
        process, self._process = self._process, None
        # Also where whoever closes it is cancelled: it takes a moment at most.
        with anyio.CancelScope(shield=True):
            if client is not None:
                await client.aclose()
            if process is not None:
                await _end(process)

    async def _ready(self) -> RemoteModel:
        async with self._starting:
            has_ended = self._process is None or self._process.returncode is not None
            if self._client is None or has_ended:
                await self.aclose()
                self._process, self._client = await self._start()
            return self._client

    async def _start(self) -> tuple[Process, RemoteModel]:
        key = secrets.token_urlsafe(24)
        server = str(Path(__file__).with_name("local_server.py"))
        process = await anyio.open_process(
            [sys.executable, "-I", server],
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={name: os.environ[name] for name in _INHERITED if name in os.environ},
        )
        is_up = False
        try:
            address = await self._address(process, key)
            is_up = True
        finally:
            if not is_up:
                with anyio.CancelScope(shield=True):
                    await _end(process)
        provider, _, model = self._name.partition(":")
        connection = Connection(
            provider=provider, model=model, base_url=f"{address}/v1", api_key_env=_KEY
        )
        return process, RemoteModel(connection, {_KEY: key})

    async def _address(self, process: Process, key: str) -> str:
        asked = {
            "path": str(self._weights),
            "name": self._name,
            "key": key,
            "context": CONTEXT_TOKENS,
            "threads": THREADS,
        }
        answer: dict[str, Any] = {"error": f"it was not ready within {_LOAD_SECONDS:g} s"}
        with anyio.move_on_after(_LOAD_SECONDS):
            answer = await _ask(process, asked)
        if "address" not in answer:
            message = f"the model '{self._name}' could not be loaded: {answer['error']}"
            raise ActionError(message, error_type="setup", retryable=False)
        return str(answer["address"])


def _free(piece: ModelPiece) -> ModelPiece:
    """The piece; a usage is known to cost nothing."""
    if not isinstance(piece, Usage):
        return piece
    return msgspec.structs.replace(piece, cost_usd=0.0)


async def _ask(process: Process, asked: dict[str, Any]) -> dict[str, Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        await process.stdin.send(json.dumps(asked).encode() + b"\n")
        lines = BufferedByteReceiveStream(process.stdout)
        return json.loads(await lines.receive_until(b"\n", _LONGEST_LINE))
    except (anyio.BrokenResourceError, anyio.IncompleteRead, anyio.EndOfStream, ValueError):
        with anyio.move_on_after(_END_SECONDS):
            await process.wait()
        return {"error": f"its process ended (exit status {process.returncode})"}


async def _end(process: Process) -> None:
    with anyio.move_on_after(_END_SECONDS):
        if process.stdin is not None:
            await process.stdin.aclose()
        await process.wait()
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    await process.aclose()

"""`ScriptedLLM`: a model whose answers are given beforehand."""

import re
from collections.abc import AsyncIterator, Iterable

import anyio

from cortex_cli.engine.ports import ModelPiece, ModelRequest, TextPiece
from cortex_cli.errors import ActionError
from cortex_cli.events import Usage

_PIECE = re.compile(r"\S+\s*|\s+")


class ScriptedLLM:
    """A model client that streams the given answers, one a request, in order.

    An answer is cut into words, each with the white space that follows it. One that is an
    ActionError is raised instead. `requests` holds what was asked. A request for which no answer
    is left is an AssertionError: the test asked more often than it meant to.
    """

    def __init__(
        self, answers: Iterable[str | ActionError], *, name: str = "scripted", delay: float = 0.0
    ) -> None:
        """`delay` is the time before each piece, in seconds."""
        self._answers = iter(answers)
        self._name = name
        self._delay = delay
        self.requests: list[ModelRequest] = []

    @property
    def name(self) -> str:
        """What the model is called in events and reports."""
        return self._name

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelPiece]:
        """The pieces of the next answer, then their number as the usage."""
        self.requests.append(request)
        answer = next(self._answers, None)
        if answer is None:
            message = f"request {len(self.requests)}: no answer is left"
            raise AssertionError(message)
        if isinstance(answer, ActionError):
            raise answer
        pieces: list[str] = _PIECE.findall(answer)
        for piece in pieces:
            await anyio.sleep(self._delay)
            yield TextPiece(piece)
        asked = sum(len(message.content.split()) for message in request.messages)
        yield Usage(input_tokens=asked, output_tokens=len(pieces))

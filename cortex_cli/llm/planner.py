"""A model that writes plans: asked for one turn after another, and read while it writes."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import assert_never

from cortex_cli.engine.call_usage import (
    ANSWER_TOKENS,
    counted_usage,
    estimated_usage,
    is_counted,
    require,
)
from cortex_cli.engine.cancellation import close
from cortex_cli.engine.planner import (
    FinalAnswer,
    PlanNote,
    PlanOrder,
    PlanPiece,
    PlanThought,
    PlanToken,
    WrittenAction,
    WrittenRest,
)
from cortex_cli.engine.ports import (
    CutShort,
    ModelClient,
    ModelPiece,
    ModelRequest,
    TextPiece,
    ThoughtPiece,
)
from cortex_cli.engine.tool_calls import ToolCall
from cortex_cli.errors import ActionError
from cortex_cli.events import Usage
from cortex_cli.llm.effort import Effort
from cortex_cli.llm.plan_grammar import turn_grammar
from cortex_cli.llm.plan_prompt import Brief, plan_messages
from cortex_cli.manifest.models import ModelParameters
from cortex_cli.protocol.plan_text import PlanPart, PlanText
from cortex_cli.protocol.sealed import as_json

_LOCAL_TOKENS = 800
_TOO_EARLY = "an answer was left out that came before the actions beside it had ended: "
_LONGEST_SHOWN = 200
_CUT = {"length": "it reached the most tokens that it may have", "filter": "it was filtered"}
_NO_DEFAULTS = ModelParameters()


class ModelPlanner:
    """A planner that asks a model.

    Of the models the first answers; the next one takes over for a turn where it can't. Nothing is
    retried here: that is the engine's. Where a model breaks off in the middle of a plan, the
    actions that are whole stand. A prompt that is too long for a model is shortened until it fits.
    A model that can be held to a grammar is. An answer that comes before the actions beside it
    have ended is left out, unless there is no later turn.
    """

    def __init__(
        self,
        clients: Sequence[ModelClient],
        brief: Brief,
        *,
        parameters: ModelParameters = _NO_DEFAULTS,
        note: str | None = None,
    ) -> None:
        """`note` is a warning that the first turn gives."""
        self._clients = list(clients)
        self._brief = brief
        self._parameters = parameters
        self._note = note
        self._speaking = self._clients[0]

    @property
    def name(self) -> str:
        """The model that was asked last."""
        return self._speaking.name

    def estimate(self, order: PlanOrder) -> Usage:
        """What the first call of the turn uses at most.

        In a run with a budget a plan has at most 2,048 tokens where nothing else says it.
        """
        effort = Effort(self._clients)
        return estimated_usage(effort.client, self._request(effort.client, order, effort.room))

    async def write(self, order: PlanOrder) -> AsyncGenerator[PlanPiece]:
        """The pieces of one turn; ActionError if no model answers (`budget_exhausted`, too)."""
        if self._note is not None:
            yield PlanNote(f"{self._note}; {self._clients[0].name} plans")
            self._note = None
        effort, turn, is_further = Effort(self._clients), _Turn(), False
        while not turn.is_over:
            is_last = order.iteration >= order.max_iterations
            turn = _Turn(has_open=bool(order.pending), is_last=is_last, is_further=is_further)
            is_further = True
            async with aclosing(self._tried(order, effort, turn)) as pieces:
                async for piece in pieces:
                    yield piece

    async def _tried(
        self, order: PlanOrder, effort: Effort, turn: "_Turn"
    ) -> AsyncGenerator[PlanPiece]:
        """One answer, or why there is another try."""
        self._speaking = effort.client
        try:
            async with aclosing(self._asked(order, effort, turn)) as pieces:
                async for piece in pieces:
                    yield piece
        except ActionError as error:
            if not turn.has_actions:
                yield PlanNote(effort.after(error))
                return
            for piece in turn.ended(str(error)):
                yield piece
        turn.is_over = True

    async def _asked(
        self, order: PlanOrder, effort: Effort, turn: "_Turn"
    ) -> AsyncGenerator[PlanPiece]:
        client = effort.client
        request = self._request(client, order, effort.room)
        if turn.is_further:
            require(order.allowance, client, request)
        answer = client.stream(request)
        try:
            async for piece in answer:
                for found in turn.read(piece):
                    yield found
        except ActionError:
            for used in turn.used(client, request):
                yield used
            raise
        finally:
            await close(answer)
        for found in turn.ended():
            yield found
        for used in turn.used(client, request):
            yield used

    def _request(self, client: ModelClient, order: PlanOrder, room: int) -> ModelRequest:
        settings = self._parameters
        grammar, most = None, settings.max_tokens
        is_held = bool(getattr(client, "takes_grammars", False))
        if is_held:
            grammar = turn_grammar(self._brief.offers, order)
            most = most or _LOCAL_TOKENS
        if order.allowance is not None:
            most = most or ANSWER_TOKENS
        return ModelRequest(
            messages=plan_messages(self._brief, order, room, is_held=is_held),
            temperature=settings.temperature,
            top_p=settings.top_p,
            max_tokens=most,
            grammar=grammar,
            stream=settings.stream,
        )


@dataclass(slots=True, kw_only=True)
class _Turn:
    """What one answer has given so far; `has_open`: there are actions that have not ended.

    `is_last`: no later turn may give an answer. `is_further`: another model, or this one with a
    longer prompt, was asked before.
    """

    has_open: bool = False
    is_last: bool = False
    is_further: bool = False
    has_actions: bool = False
    is_over: bool = False
    _text: PlanText = field(default_factory=PlanText)
    _answer: FinalAnswer | None = None
    _cut: str | None = None
    _said: list[str] = field(default_factory=list[str])
    _usage: list[Usage] = field(default_factory=list[Usage])

    def read(self, piece: ModelPiece) -> Iterator[PlanPiece]:
        """What a piece of the model's answer brings."""
        match piece:
            case TextPiece(text):
                self._said.append(text)
                yield PlanToken(text)
                yield from self._parts(self._text.feed(text))
            case ThoughtPiece(text):
                yield PlanThought(text)
            case CutShort(reason):
                self._cut = _CUT[reason]
            case Usage():
                self._usage.append(piece)
            case ToolCall():
                # Nothing was offered in this way.
                return
            case _:
                assert_never(piece)

    def ended(self, error: str | None = None) -> Iterator[PlanPiece]:
        """What is left at the end, which came too early where there is an `error`."""
        yield from self._parts(self._text.end())
        if self._cut is not None:
            yield WrittenRest("", f"the plan was cut short: {self._cut}")
        if error is not None:
            yield WrittenRest("", f"the plan broke off: {error}")
        if self._answer is not None:
            is_early = (self.has_open or self.has_actions) and not self.is_last
            told = as_json(self._answer.value)[:_LONGEST_SHOWN]
            yield PlanNote(_TOO_EARLY + told) if is_early else self._answer

    def used(self, client: ModelClient, request: ModelRequest) -> Iterator[Usage]:
        """What the answer has used; counted here where the endpoint does not, or it broke off."""
        if self._said and not any(map(is_counted, self._usage)):
            self._usage = [counted_usage(client, request, "".join(self._said))]
        yield from self._usage

    def _parts(self, parts: Sequence[PlanPart]) -> Iterator[PlanPiece]:
        for part in parts:
            match part:
                case FinalAnswer():
                    self._answer = part
                case WrittenAction():
                    self.has_actions = True
                    yield part
                case WrittenRest():
                    yield part
                case _:
                    assert_never(part)

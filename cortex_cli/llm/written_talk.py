"""A conversation with models that write texts only: they call tools by writing a plan."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from cortex_cli.engine.planner import FinalAnswer, PlanOrder, PlanPiece, WrittenRest
from cortex_cli.engine.ports import ModelClient, ModelRequest
from cortex_cli.errors import ActionError
from cortex_cli.events import Usage
from cortex_cli.llm.plan_prompt import Brief
from cortex_cli.llm.planner import ModelPlanner
from cortex_cli.llm.talk import Subject
from cortex_cli.manifest.models import ModelParameters
from cortex_cli.protocol.plan_text import ANSWER
from cortex_cli.protocol.sealed import as_json


class WrittenTalk:
    """A planner that has the prompt of an llm action for its goal, and its tools for its offers.

    The answer is a text; with a schema it is a value that fits it, and one that does not is asked
    for once more.
    """

    def __init__(self, clients: Sequence[ModelClient], subject: Subject) -> None:
        """One conversation: the next one needs another."""
        self._clients = clients
        self._subject = subject
        self._planner: ModelPlanner | None = None
        self._misfits = 0

    @property
    def name(self) -> str:
        """The model that was asked last."""
        return self._clients[0].name if self._planner is None else self._planner.name

    def estimate(self, order: PlanOrder) -> Usage:
        """What the first call of the turn uses at most; ActionError for parameters that don't fit."""
        planner, asked, _ = self._asked(order)
        return planner.estimate(asked)

    def _asked(self, order: PlanOrder) -> tuple[ModelPlanner, PlanOrder, ModelRequest]:
        """Who plans, what is asked of it, and the question of the conversation."""
        request = self._subject.question(order.inputs)
        planner = self._planner = self._planner or self._make(request)
        return planner, replace(order, goal=_goal(request), inputs={}), request

    async def write(self, order: PlanOrder) -> AsyncGenerator[PlanPiece]:
        """The pieces of one turn; ActionError if no model answers, or none as the schema asks."""
        planner, asked, request = self._asked(order)
        async with aclosing(planner.write(asked)) as pieces:
            async for piece in pieces:
                yield self._answer(piece, request) if isinstance(piece, FinalAnswer) else piece

    def _make(self, request: ModelRequest) -> ModelPlanner:
        system = "\n\n".join(one.content for one in request.messages if one.role == "system")
        parameters = ModelParameters(
            temperature=request.temperature,
            top_p=request.top_p,
            max_tokens=request.max_tokens,
            stream=request.stream,
        )
        brief = Brief(offers=self._subject.offers, system=system)
        return ModelPlanner(self._clients, brief, parameters=parameters, note=self._subject.note)

    def _answer(self, piece: FinalAnswer, request: ModelRequest) -> FinalAnswer | WrittenRest:
        value, text = piece.value, as_json(piece.value)
        if request.schema is None:
            return FinalAnswer(value if isinstance(value, str) else text)
        try:
            return FinalAnswer(self._read(value, text, request.schema))
        except ActionError as error:
            self._misfits += 1
            message = f"the answer of {self.name} does not fit its schema"
            if error.error_type != "schema" or self._misfits > 1:
                told = f"{message}, asked twice: {error}"
                raise ActionError(told, error_type=error.error_type) from error
            return WrittenRest(as_json({ANSWER: value}), f"{message}: {error}")

    def _read(self, value: Any, text: str, schema: Any) -> Any:
        """The value if it fits, else the one that its text is the JSON of."""
        try:
            return self._subject.read(text, schema)
        except ActionError:
            if not isinstance(value, str):
                raise
        return self._subject.read(value, schema)


def _goal(request: ModelRequest) -> str:
    """What is asked, with who said it where more than one has."""
    said = [message for message in request.messages if message.role != "system"]
    lines = [one.content if len(said) == 1 else f"{one.role}: {one.content}" for one in said]
    if request.schema is not None:
        lines.append(f"The final answer has to fit this JSON Schema: {as_json(request.schema)}")
    return "\n\n".join(lines)

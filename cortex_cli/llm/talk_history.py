"""What has been said and called in a conversation, and what came of it, as messages to a model."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from cortex_cli.engine.planner import Outcome, PlanOrder, WrittenAction, WrittenRest
from cortex_cli.engine.ports import Message
from cortex_cli.engine.tool_calls import ToolCall, ToolDefinition
from cortex_cli.ids import did_you_mean, unused_id
from cortex_cli.kinds import ActionState, ActionType
from cortex_cli.llm.excerpts import shortened
from cortex_cli.plan.literals import literal, read_literal
from cortex_cli.protocol.offers import Offer
from cortex_cli.protocol.sealed import as_json

_UNFIT = re.compile(r"[^A-Za-z0-9_-]")
_LONGEST_NAME = 64
_COMPARED = 4_000
_NOT_RUN = "it was not run"


class Toolbox:
    """What may be called, each under a name that every service takes."""

    def __init__(self, offers: Sequence[Offer]) -> None:
        """The same names for the same offers."""
        self._offers: dict[str, Offer] = {}
        for offer in offers:
            self._offers[unused_id(_function_name(offer), self._offers)] = offer

    @property
    def definitions(self) -> tuple[ToolDefinition, ...]:
        """What a model is told of them."""
        return tuple(
            ToolDefinition(name=name, description=one.description, parameters=one.parameters)
            for name, one in self._offers.items()
        )

    def written(self, call: ToolCall) -> WrittenAction | WrittenRest:
        """The call as an action of a plan, or as what can't be one, and why.

        What is in its arguments is a value, and never a reference.
        """
        offer, parameters = self._offers.get(call.name), _arguments(call)
        text = f"{call.id}({call.arguments})"
        if offer is None:
            hint = did_you_mean(call.name, self._offers)
            message = f"'{call.name}' may not be called: it is not among what is offered"
            return WrittenRest(text, f"{message}; {hint}" if hint else message)
        if parameters is None:
            return WrittenRest(text, "its arguments are no JSON object")
        action = {"id": call.id, "type": offer.type.value, "target": offer.target}
        operation = {} if offer.operation is None else {"operation": offer.operation}
        return WrittenAction({**action, **operation, "parameters": literal(parameters)}, text)

    def call(self, action: Mapping[str, Any]) -> ToolCall:
        """The call that an action was written for."""
        key = tuple(action.get(name) for name in ("type", "target", "operation"))
        names = (
            name
            for name, one in self._offers.items()
            if (one.type.value, one.target, one.operation) == key
        )
        parameters = read_literal(action.get("parameters") or {})
        name = next(names, str(action.get("target")))
        return ToolCall(id=str(action["id"]), name=name, arguments=as_json(parameters))


@dataclass(slots=True)
class _Turn:
    text: str = ""
    calls: list[ToolCall] = field(default_factory=list[ToolCall])


class History:
    """The turns of a model that called something, and the results of its calls."""

    def __init__(self, toolbox: Toolbox) -> None:
        """Nothing has been said."""
        self._toolbox = toolbox
        self._turns: list[_Turn] = []
        self._open = _Turn()
        self._ids: set[str] = set()
        self._results: dict[str, Outcome] = {}
        self._refused: dict[str, str] = {}
        self._by_text: dict[str, str] = {}
        self._denied: dict[int, str | None] = {}

    def take_in(self, order: PlanOrder) -> None:
        """What has come of the calls; those of an earlier part of the run are taken over."""
        called = [one for one in order.outcomes if not _is_gate(one)]
        self._denied = {one.iteration: one.error for one in order.outcomes if _is_gate(one)}
        if not self._turns:
            turns: dict[int, _Turn] = {}
            for one in called:
                turn = turns.setdefault(one.iteration, _Turn())
                turn.calls.append(self._toolbox.call(one.action))
            self._turns = list(turns.values())
        self._results = {str(one.action["id"]): one for one in called}
        self._ids.update(str(one.action["id"]) for one in order.outcomes)
        for refused in order.refused:
            call_id = self._by_text.get(refused.text[:_COMPARED])
            if call_id is not None:
                self._refused[call_id] = refused.reason

    def begin_turn(self) -> None:
        """The model speaks; what it calls is no part of the messages before it has done so."""
        self._open = _Turn()

    def call(self, call: ToolCall, text: str) -> WrittenAction | WrittenRest:
        """The model calls something, after this text of its turn; what that comes to in a plan."""
        call_id = unused_id(_fit(call.name), self._ids)
        self._ids.add(call_id)
        call = ToolCall(id=call_id, name=call.name, arguments=call.arguments)
        self._open.calls.append(call)
        self._open.text = text
        written = self._toolbox.written(call)
        self._by_text[written.text[:_COMPARED]] = call_id
        return written

    def end_turn(self) -> None:
        """The model has spoken; a turn without calls leaves nothing."""
        if self._open.calls:
            self._turns.append(self._open)

    def messages(self, room: int) -> Iterator[Message]:
        """All turns with the results of their calls, which take about `room` characters of it."""
        calls = [call for turn in self._turns for call in turn.calls]
        told = [self._told(call) for call in calls]
        texts = iter(shortened([text for text, _ in told], room))
        failed = iter([is_error for _, is_error in told])
        for turn in self._turns:
            yield Message(role="assistant", content=turn.text, calls=tuple(map(_sound, turn.calls)))
            for call in turn.calls:
                yield Message(
                    role="tool",
                    content=next(texts),
                    answers=_sound(call),
                    is_error=next(failed),
                )

    def _told(self, call: ToolCall) -> tuple[str, bool]:
        """What the model is told of a call, and whether that is an error."""
        if call.id in self._refused:
            return f"the call was refused: {self._refused[call.id]}", True
        outcome = self._results.get(call.id)
        if outcome is None:
            return _NOT_RUN, True
        if outcome.status == ActionState.COMPLETED.value:
            output = outcome.output
            return output if isinstance(output, str) else as_json(output), False
        why = outcome.error or self._denied.get(outcome.iteration)
        return why or f"{_NOT_RUN} to its end: {outcome.status}", True


def _is_gate(outcome: Outcome) -> bool:
    """Whether a person was asked there whether the calls of a turn may be made."""
    return outcome.action.get("type") == ActionType.INTERNAL.value


def _function_name(offer: Offer) -> str:
    name = offer.target if offer.operation is None else f"{offer.target}_{offer.operation}"
    return _fit(name)


def _fit(name: str) -> str:
    fit = _UNFIT.sub("_", name)[:_LONGEST_NAME]
    return fit if fit[:1].isalpha() or fit[:1] == "_" else f"_{fit}"[:_LONGEST_NAME]


def _arguments(call: ToolCall) -> dict[str, Any] | None:
    try:
        return msgspec.json.decode(call.arguments or "{}", type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError):
        return None


def _sound(call: ToolCall) -> ToolCall:
    """The call as it may be sent back: some services take objects only."""
    return (
        call
        if _arguments(call) is not None
        else ToolCall(id=call.id, name=call.name, arguments="{}")
    )

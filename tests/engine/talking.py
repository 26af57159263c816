"""Runs of llm actions whose scripted model calls the tools of the bench."""

from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

from cortex_cli.engine.ports import ModelClient, ModelPiece, ModelRequest, RunSpec
from cortex_cli.errors import ActionError
from cortex_cli.kinds import ActionType, Effect
from cortex_cli.llm.models import Choice
from cortex_cli.plan.named_tools import named_tools
from cortex_cli.protocol.action import Action
from cortex_cli.protocol.offers import Offer
from cortex_cli.session.talks import talk_spec
from cortex_cli.testing import Answer, Call, ScriptedLLM
from cortex_cli.testing.scripts import Script
from tests.engine.bench import Tools, act, spec_of

TYPED = {
    "type": "object",
    "properties": {"text": {"enum": ["$5", "b"]}, "count": {"type": "integer"}},
    "required": ["text"],
    "additionalProperties": False,
}
OFFERS = (
    Offer(type=ActionType.TOOL, target="tool", description="Does as it is told."),
    Offer(type=ActionType.TOOL, target="typed", parameters=TYPED, effect=Effect.NONE),
    Offer(type=ActionType.RELIC, target="shelf", operation="get"),
    Offer(type=ActionType.AGENT, target="helper"),
)


def calls(*parameters: dict[str, Any], of: str = "tool", text: str = "", **more: Any) -> Answer:
    """A turn in which the model calls one thing once or more often."""
    return Answer(text=text, calls=[Call(of, one) for one in parameters], **more)


class Following:
    """A model whose answer depends on how often it has called something before."""

    takes_tools = True
    name = "following"

    def __init__(self, *turns: Answer) -> None:
        self.turns = turns
        self.requests: list[ModelRequest] = []

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelPiece]:
        self.requests.append(request)
        before = sum(bool(message.calls) for message in request.messages)
        async with aclosing(ScriptedLLM([self.turns[before]]).stream(request)) as pieces:
            async for piece in pieces:
                yield piece


@dataclass
class TalkTools(Tools):
    """The tools of the bench, and models that may call them."""

    clients: Sequence[ModelClient] = ()
    around: RunSpec | None = None
    note: str | None = None
    asked: list[Action] = field(default_factory=list[Action])

    def nested(self, action: Action) -> RunSpec:
        if not action.is_conversation:
            return super().nested(action)
        assert self.around is not None
        self.asked.append(action)
        names = named_tools(action)
        offers = [one for one in OFFERS if one.target in names]
        client, *others = self.clients
        chosen = Choice(client=client, fallback=others[0] if others else None, note=self.note)
        return talk_spec(self.around, action, offers, chosen)


def talk(
    *scripts: Script | ActionError,
    model: ModelClient | None = None,
    fallback: ModelClient | None = None,
    tools: Sequence[str] = ("tool", "typed", "shelf", "helper"),
    after: Iterable[Action] = (),
    nested: dict[str, RunSpec] | None = None,
    parameters: dict[str, Any] | None = None,
    protocol: dict[str, Any] | None = None,
    **fields: Any,
) -> tuple[RunSpec, ScriptedLLM, TalkTools]:
    """A run of one llm action, `ask`, and what comes after it; its model; what it calls."""
    llm = ScriptedLLM(scripts)
    clients = [one for one in (model or llm, fallback) if one is not None]
    bench = TalkTools(nested_specs=nested or {}, clients=clients)
    given = {"prompt": "Find out", "tools": list(tools), **(parameters or {})}
    asking = act("ask", type="llm", target=None, parameters=given, **fields)
    spec = spec_of([asking, *after], bench, **(protocol or {}))
    bench.around = replace(spec)
    return spec, llm, bench


def said(llm: ScriptedLLM | Following, turn: int) -> list[tuple[str, str]]:
    """What the model was told in a turn, counted from 0: roles and contents, but the first two."""
    return [(one.role, one.content) for one in llm.requests[turn].messages[2:]]

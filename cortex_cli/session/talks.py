"""Runs of llm actions whose models may call tools."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from cortex_cli.engine.ports import ModelClient, RunSpec
from cortex_cli.errors import ActionError, SetupError
from cortex_cli.kinds import ActionType
from cortex_cli.manifest.models import ModelParameters
from cortex_cli.protocol.action import Action
from cortex_cli.protocol.offers import Offer
from cortex_cli.session.planning import those_that_plan

if TYPE_CHECKING:
    from cortex_cli.engine.planner import Planner
    from cortex_cli.llm.models import Choice

_FEWEST_TURNS = 2
_PERFORMED = frozenset({ActionType.TOOL, ActionType.RELIC})
_NO_DEFAULTS = ModelParameters()


def talk_spec(
    around: RunSpec,
    action: Action,
    offers: Sequence[Offer],
    chosen: "Choice",
    defaults: ModelParameters = _NO_DEFAULTS,
) -> RunSpec:
    """The run of one attempt of the action, within the run `around` it.

    As many turns as that has iterations, two at least: one to call, and one to answer. Calls that
    fail end nothing: the model is told. SetupError if no model can call tools.
    """
    clients = those_that_plan([chosen.client, chosen.fallback])
    if not clients:
        from cortex_cli.llm.connection import THREE_WAYS

        message = f"the model of '{action.id}' may call tools, and {chosen.client.name} calls none"
        raise SetupError(message, hint=THREE_WAYS)
    is_native = all(getattr(client, "takes_tools", False) for client in clients)
    protocol = around.protocol
    changes: dict[str, Any] = {
        "max_iterations": max(protocol.max_iterations, _FEWEST_TURNS),
        "terminate_on_goal_achieved": True,
        "terminate_on_error": False,
        "self_healing": False,
        "fail_fast": False,
        "require_user_approval": False,
        "resources": {},
        "budget": None,
    }
    return replace(
        around,
        name=action.name,
        protocol=protocol.model_copy(update=changes),
        outlook=None,
        goal=None,
        outputs={},
        input_rules=None,
        planner=_planner(clients, offers, defaults, chosen.note, is_native=is_native),
        offers=tuple(offers),
        feeds=(),
        is_conversation=is_native,
    )


def make_ready(spec: RunSpec) -> None:
    """Make what performs the calls; SetupError if something that one needs is not there."""
    for offer in spec.offers:
        if offer.type in _PERFORMED:
            spec.targets.handler(Action(id="call", type=offer.type, target=offer.target))


def _planner(
    clients: Sequence[ModelClient],
    offers: Sequence[Offer],
    defaults: ModelParameters,
    note: str | None,
    *,
    is_native: bool,
) -> "Planner":
    from cortex_cli.actions.llm import make_request
    from cortex_cli.llm.talk import Subject, Talk
    from cortex_cli.llm.written_talk import WrittenTalk

    question = partial(make_request, defaults=defaults)
    subject = Subject(question=question, read=_read, offers=tuple(offers), note=note)
    return Talk(clients, subject) if is_native else WrittenTalk(clients, subject)


def _read(text: str, schema: Mapping[str, Any]) -> Any:
    from cortex_cli.actions.answer_check import MisfitError, read_answer

    try:
        return read_answer(text, schema)
    except MisfitError as error:
        raise ActionError(str(error), error_type="schema") from error

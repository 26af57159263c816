"""A run whose tools are told beforehand how long they take and how they end."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import anyio

from cortex_cli.engine.ports import ActionCall, Handler, RunRequest, RunSpec
from cortex_cli.engine.stream import EventStream
from cortex_cli.errors import ActionError
from cortex_cli.events import ActionEnded, ActionStarted, Event
from cortex_cli.plan.check import check_plan, is_sound
from cortex_cli.plan.describe import work_out
from cortex_cli.plan.estimate import estimate
from cortex_cli.plan.provided import Names
from cortex_cli.protocol.action import Action
from cortex_cli.protocol.agent_loop import AgentLoopProtocol
from cortex_cli.protocol.plan import OutputDeclaration
from cortex_cli.session.handle import RunHandle


def act(action_id: str, *depends_on: str, **fields: Any) -> Action:
    """A tool action, unless `type` says otherwise, that depends on others."""
    values = {"type": "tool", "target": "tool", "depends_on": depends_on, **fields}
    return Action.model_validate({"id": action_id, **values})


@dataclass
class Tools:
    """One handler for all: an action's parameters say what it does.

    `seconds`: how long it takes. `error`: it fails with that text; `fails`: only so many
    attempts do. `gives`: its output, by default its own parameters. `says`: what it reports.
    """

    nested_specs: Mapping[str, RunSpec] = field(default_factory=dict[str, RunSpec])
    calls: list[ActionCall] = field(default_factory=list[ActionCall])
    cancelled: list[str] = field(default_factory=list[str])

    def handler(self, action: Action) -> Handler:
        if action.target == "nowhere":
            message = "no tool 'nowhere' was found"
            raise ActionError(message, error_type="not_found", retryable=False)
        return self

    def nested(self, action: Action) -> RunSpec:
        if action.target is None or action.target not in self.nested_specs:
            message = f"no agent '{action.target}'"
            raise ActionError(message, error_type="not_found")
        return self.nested_specs[action.target]

    def nested_seconds(self, action: Action) -> float | None:
        spec = self.nested_specs.get(action.target or "")
        return None if spec is None or spec.outlook is None else spec.outlook.scheduled_seconds

    async def run(self, call: ActionCall) -> Any:
        self.calls.append(call)
        wanted = call.parameters
        for text in wanted.get("says", ()):
            call.report.progress(text)
        try:
            await anyio.sleep(wanted.get("seconds", 0))
        except anyio.get_cancelled_exc_class():
            self.cancelled.append(call.action.id)
            raise
        if "error" in wanted and call.attempt <= wanted.get("fails", 1_000):
            raise ActionError(
                wanted["error"],
                error_type="broken",
                retryable=wanted.get("retryable", True),
                retry_after=wanted.get("retry_after"),
            )
        return wanted.get("gives", dict(wanted))


def spec_of(
    actions: Iterable[Action],
    tools: Tools | None = None,
    *,
    outputs: Mapping[str, Any] | None = None,
    name: str = "agent",
    **protocol: Any,
) -> RunSpec:
    """A checked run of a plan."""
    settings = AgentLoopProtocol(**protocol)
    declared = {
        key: OutputDeclaration.model_validate(value) for key, value in (outputs or {}).items()
    }
    graph, findings = check_plan(tuple(actions), Names(shared=settings.shared), outputs=declared)
    assert is_sound(findings), findings
    estimates = [estimate(action, {}) for action in graph.actions]
    return RunSpec(
        name=name,
        protocol=settings,
        targets=tools or Tools(),
        outlook=work_out(graph, estimates, settings.slots, shared=settings.shared),
        outputs=declared,
    )


class Log(list[Event]):
    """The events of a run, in order, and questions about them."""

    def types(self) -> list[str]:
        return [event.event_type for event in self]

    def ends(self) -> dict[str, str]:
        """The kind of the final event of each action, by path and id."""
        found: dict[str, str] = {}
        for event in self:
            if isinstance(event, ActionEnded):
                key = "/".join((*event.path, event.action_id))
                assert key not in found, f"{key} ended twice"
                found[key] = event.event_type.removeprefix("action_")
        return found

    def order(self) -> list[str]:
        """The ids in the order in which their attempts started."""
        return [event.action_id for event in self if isinstance(event, ActionStarted)]

    def starts(self) -> dict[str, float]:
        """Seconds from the first event to the first start of each action."""
        found: dict[str, float] = {}
        for event in self:
            if isinstance(event, ActionStarted):
                found.setdefault(event.action_id, event.seconds - self[0].seconds)
        return found

    def of(self, *types: str, action: str | None = None) -> list[Any]:
        """The payloads of the events of some types, of one action or of all."""
        return [
            event.data
            for event in self
            if event.event_type in types and action in (None, event.action_id)
        ]

    @property
    def last(self) -> Any:
        return self[-1]


async def run(spec: RunSpec, inputs: Mapping[str, Any] | None = None) -> Log:
    """Run to the end."""
    return await _all_of(stream(spec, inputs))


async def run_with(spec: RunSpec, person: Any = None) -> Log:
    """Run to the end, with somebody to be asked."""
    return await _all_of(RunHandle(spec, RunRequest(approver=person)).stream())


async def _all_of(stream: EventStream) -> Log:
    log = Log()
    async with stream as events:
        async for event in events:
            log.append(event)
    return log


def stream(spec: RunSpec, inputs: Mapping[str, Any] | None = None) -> EventStream:
    """The events of a new run."""
    return RunHandle(spec, RunRequest(inputs=inputs or {})).stream()


async def run_plan(*actions: Action, **protocol: Any) -> Log:
    """Run a plan of the bench's own tools to the end."""
    return await run(spec_of(actions, **protocol))

"""`AgentLoopExecutor`: run a plan or a goal from Python, with functions as tools."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cortex_cli.actions.function_offers import (
    check_named,
    function_offers,
    offers_of_functions,
)
from cortex_cli.actions.functions import FunctionTools, ToolExecutor
from cortex_cli.actions.llm import LlmAction
from cortex_cli.engine.collector import undisturbed
from cortex_cli.engine.ports import Approver, Handler, Journal, ModelClient, RunRequest, RunSpec
from cortex_cli.engine.stream import EventStream
from cortex_cli.errors import ActionError, ManifestError, UsageError
from cortex_cli.kinds import ActionType
from cortex_cli.llm.models import Choice, Models
from cortex_cli.llm.plan_prompt import Brief
from cortex_cli.llm.planner import ModelPlanner
from cortex_cli.plan.check import check_plan, is_sound
from cortex_cli.plan.describe import Outlook, work_out
from cortex_cli.plan.estimate import estimate
from cortex_cli.plan.named_tools import named_tools
from cortex_cli.plan.prose import word_for_word
from cortex_cli.plan.provided import Names
from cortex_cli.protocol.action import Action
from cortex_cli.protocol.agent_loop import AgentLoopProtocol
from cortex_cli.protocol.offers import Offer
from cortex_cli.protocol.plan import ExecutionPlan
from cortex_cli.session.handle import RunHandle
from cortex_cli.session.local_models import models_folder
from cortex_cli.session.offers import MODEL
from cortex_cli.session.planning import able_to_plan
from cortex_cli.session.talks import talk_spec


@dataclass(kw_only=True, eq=False)
class AgentLoopExecutor:
    """Runs a plan of actions, or what a model plans for a goal; the tools are Python functions.

    `tool_executor` maps names to sync or async functions, which are called with the action's
    parameters as keywords, or is an object with `async def execute(name, parameters)`. Sync
    functions run in worker threads. `llm_client` plans for the `goal`, which is told of the
    functions' names, docstrings and types, and answers `llm` actions, which may name functions
    under `tools`; without one their target names a model, by default the built-in extractive
    summariser, which can't plan. `inputs` is
    what `${inputs.NAME}` refers to.
    `approver` is asked for the approvals that the protocol requires; without one the run pauses.

    Raises ManifestError, with all problems at once, if the plan cannot be run, UsageError if
    there is neither a plan nor a goal, or both, and SetupError if no model can plan for the goal.
    """

    agent_name: str
    plan: ExecutionPlan | Iterable[Action] | None = None
    goal: str | None = None
    protocol: AgentLoopProtocol = field(default_factory=AgentLoopProtocol)
    tool_executor: ToolExecutor = field(default_factory=dict[str, Any])
    llm_client: ModelClient | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    journal: Journal | None = None
    approver: Approver | None = None

    def __post_init__(self) -> None:
        if (self.plan is None) == (self.goal is None):
            both = (
                "both a plan and a goal" if self.goal is not None else "neither a plan nor a goal"
            )
            message = f"'{self.agent_name}' has {both}"
            raise UsageError(message, hint="give it plan=[Action(...), ...] or goal='...'")
        self._targets = _Functions(self.tool_executor, self.llm_client)
        spec = RunSpec(name=self.agent_name, protocol=self.protocol, targets=self._targets)
        if self.plan is not None:
            outlook = _outlook(ExecutionPlan.of(self.plan), self.protocol, self.tool_executor)
            self._spec = replace(spec, outlook=outlook)
        else:
            offers = (*function_offers(self.tool_executor), MODEL)
            planner = self._targets.planner(self.agent_name, offers)
            goal = word_for_word(self.goal or "")
            self._spec = replace(spec, goal=goal, offers=offers, planner=planner)
        self._targets.around = self._spec

    def execute_agent_loop(self) -> EventStream:
        """The events of a new run: iterate with `async for`, or use `async with` first.

        Leaving the loop early, by `break` too, cancels the run; `async with` also waits until
        nothing of it is left.
        """
        request = RunRequest(inputs=self.inputs, approver=self.approver)
        closing = self._targets.aclose
        return RunHandle(self._spec, request, self.journal, closing=closing).stream()


_TOOL = ActionType.TOOL


class _Functions:
    """The targets of a plan that is run from Python; `around` is its run, once that is known."""

    around: RunSpec

    def __init__(self, tools: ToolExecutor, client: ModelClient | None) -> None:
        self._executor = tools
        self._tools = FunctionTools(tools)
        self._client = client
        self._models = Models(environ=os.environ, folder=lambda: models_folder(os.environ))

    def handler(self, action: Action) -> Handler:
        if action.type is _TOOL:
            return self._tools.handler(action)
        if action.type is ActionType.LLM:
            return LlmAction(self._chosen(action.target).client)
        raise _without_manifest(action)

    def planner(self, name: str, offers: tuple[Offer, ...]) -> ModelPlanner:
        """The planner for an agent of that name; SetupError if there is no model that plans."""
        client = self._chosen(None).client
        return ModelPlanner(able_to_plan(name, [client]), Brief(offers=offers))

    def _chosen(self, name: str | None) -> Choice:
        return self._models.choose(name) if self._client is None else Choice(client=self._client)

    async def aclose(self) -> None:
        """Close the models that were made here; the client that was given is the caller's."""
        await self._models.aclose()

    def nested(self, action: Action) -> RunSpec:
        if action.is_conversation:
            offers = offers_of_functions(self._executor, named_tools(action))
            return talk_spec(self.around, action, offers, self._chosen(action.target))
        raise _without_manifest(action)

    def nested_seconds(self, _action: Action) -> float | None:
        return None


def _without_manifest(action: Action) -> ActionError:
    return ActionError(
        f"an action of type {action.type} needs a manifest that says what '{action.target}' is",
        error_type="not_found",
        retryable=False,
    )


@undisturbed()
def _outlook(plan: ExecutionPlan, protocol: AgentLoopProtocol, tools: ToolExecutor) -> Outlook:
    graph, findings = check_plan(plan.actions, Names(shared=protocol.shared))
    findings = [*findings, *check_named(plan.actions, tools)]
    if not is_sound(findings):
        raise ManifestError([finding.at() for finding in findings])
    estimates = [estimate(action, {}) for action in plan.actions]
    return work_out(graph, estimates, protocol.slots, shared=protocol.shared)

"""Runs whose plans a scripted planner writes, with the tools of the bench."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cortex_cli.engine.planner import FinalAnswer, PlanOrder
from cortex_cli.engine.ports import RunSpec
from cortex_cli.kinds import ActionType
from cortex_cli.protocol.agent_loop import AgentLoopProtocol
from cortex_cli.protocol.offers import Offer
from cortex_cli.protocol.plan import OutputDeclaration
from cortex_cli.testing import ScriptedPlanner
from cortex_cli.testing.planners import Turn
from tests.engine.bench import Tools

OFFERS = (
    Offer(type=ActionType.TOOL, target="tool"),
    Offer(type=ActionType.TOOL, target="other"),
    Offer(type=ActionType.AGENT, target="helper"),
    Offer(
        type=ActionType.TOOL,
        target="typed",
        parameters={
            "type": "object",
            "properties": {"text": {"type": "string"}, "count": {"type": "integer"}},
            "required": ["text"],
            "additionalProperties": False,
        },
    ),
)
DONE = FinalAnswer("done")


def step(action_id: str, *depends_on: str, **fields: Any) -> dict[str, Any]:
    """A tool action as a model writes it; `seconds`, `error` and `gives` are its parameters."""
    wanted = {key: fields.pop(key) for key in ("seconds", "error", "gives") if key in fields}
    written: dict[str, Any] = {"id": action_id, "type": "tool", "target": "tool", **fields}
    if depends_on:
        written["depends_on"] = list(depends_on)
    if wanted:
        written["parameters"] = {**wanted, **fields.get("parameters", {})}
    return written


def goal_spec(
    planner: ScriptedPlanner | Iterable[Turn] | Callable[[PlanOrder], Turn],
    tools: Tools | None = None,
    *,
    outputs: Mapping[str, Any] | None = None,
    name: str = "agent",
    **protocol: Any,
) -> RunSpec:
    """A run with a goal; turns make a planner of their own."""
    declared = {
        key: OutputDeclaration.model_validate(value) for key, value in (outputs or {}).items()
    }
    writer = planner if isinstance(planner, ScriptedPlanner) else ScriptedPlanner(planner)
    return RunSpec(
        name=name,
        protocol=AgentLoopProtocol(**protocol),
        targets=tools or Tools(),
        goal="find out",
        outputs=declared,
        planner=writer,
        offers=OFFERS,
    )

"""Short ways to make the actions and graphs that tests of planning need."""

from collections.abc import Mapping, Sequence
from typing import Any

from cortex_cli.kinds import EdgeKind
from cortex_cli.plan.check import check_plan, is_sound
from cortex_cli.plan.graph import Graph
from cortex_cli.plan.provided import Names
from cortex_cli.protocol.action import Action
from cortex_cli.protocol.resources import Resource


def act(action_id: str, *depends_on: str, **fields: Any) -> Action:
    """An internal action, unless `type` says otherwise, that depends on others."""
    return Action.model_validate(
        {"id": action_id, "type": "internal", "depends_on": depends_on, **fields}
    )


def timed(action_id: str, seconds: float, *depends_on: str, **fields: Any) -> Action:
    """An action as of `act` that is estimated to take so long."""
    return act(action_id, *depends_on, estimate_seconds=seconds, **fields)


def graph_of(*actions: Action, shared: Mapping[str, Resource] | None = None) -> Graph:
    """The checked graph of a sound plan, whose actions may take of what is shared."""
    graph, findings = check_plan(actions, Names(shared=shared or {}))
    assert is_sound(findings), findings
    return graph


def pairs(graph: Graph, kind: EdgeKind | None = None) -> set[tuple[str, str]]:
    """The edges of a graph by id, of one kind or of all."""
    ids = [action.id for action in graph.actions]
    return {
        (ids[edge.source], ids[edge.target])
        for edge in graph.edges()
        if kind is None or edge.kind is kind
    }


def messages(actions: Sequence[Action], names: Names | None = None) -> list[str]:
    """What is wrong with a plan, one line each."""
    _, findings = check_plan(actions, names or Names())
    return [str(finding.at()) for finding in findings]

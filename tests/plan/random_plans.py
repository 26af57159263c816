"""Small random plans, of all that the scheduler treats differently."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from cortex_cli.plan.graph import Graph
from tests.plan.builders import graph_of, timed

if TYPE_CHECKING:
    from cortex_cli.protocol.action import Action

_MOSTLY_ASYNC = ["async"] * 5 + ["sync", "fire_and_forget"]


@st.composite
def plans(draw: st.DrawFn, *, plain: bool = False, most: int = 9) -> Graph:
    """A plan of whole seconds; a `plain` one has only edges, slots and agents."""
    actions: list[Action] = []
    for number in range(draw(st.integers(1, most))):
        fields: dict[str, object] = {}
        if draw(st.integers(0, 4)) == 0:
            fields |= {"type": "agent", "target": "a"}
        if not plain:
            fields |= {
                "mode": draw(st.sampled_from(_MOSTLY_ASYNC)),
                "wait_for_all": draw(st.sampled_from([True, True, False])),
                "run_if": draw(st.sampled_from(["success"] * 5 + ["failure"])),
                "priority": draw(st.sampled_from([0, 0, 0, 1])),
            }
        before = [action.id for action in actions if action.mode != "fire_and_forget"]
        chosen = [name for name in before if draw(st.integers(0, 2)) == 0]
        actions.append(timed(f"a{number}", draw(st.integers(0, 9)), *chosen, **fields))
    return graph_of(*actions)


def seconds_of(graph: Graph) -> Sequence[float]:
    """The estimates that a random plan is written with."""
    return [action.estimate_seconds or 0.0 for action in graph.actions]

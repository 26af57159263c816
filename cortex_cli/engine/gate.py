"""The gate of a plan in `strict` mode: an action that a person must approve before all others.

It is declared first and is `sync`, so that everything waits for it; where it is denied, the plan
is aborted, and what was said goes to the model like the failure of any action.
"""

from typing import Any

from cortex_cli.plan.admission import Admitted

GATE = "approve_plan"
"""The id that the action is written with."""


def gate(iteration: int) -> dict[str, Any]:
    """The action as it is written down."""
    return {
        "id": GATE,
        "name": f"the plan of iteration {iteration}",
        "type": "internal",
        "mode": "sync",
        "on_failure": "abort",
    }


def is_gate(admitted: Admitted, *, is_strict: bool) -> bool:
    """Whether an action of a plan is its gate."""
    return is_strict and admitted.number == 0 and admitted.name == GATE

"""cortex: plan, run and watch the work of agents.

The public names are imported when they are first used, so that the command line starts quickly.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from cortex_cli.errors import ActionError, CortexError, ManifestError, Problem, UsageError
    from cortex_cli.events import Event
    from cortex_cli.kinds import ActionMode, ActionState, ActionType, TerminationReason
    from cortex_cli.protocol.action import Action, RetryPolicy
    from cortex_cli.protocol.agent_loop import AgentLoopProtocol
    from cortex_cli.protocol.plan import ExecutionPlan
    from cortex_cli.session.executor import AgentLoopExecutor

_HOMES = {
    "Action": "protocol.action",
    "ActionError": "errors",
    "ActionMode": "kinds",
    "ActionState": "kinds",
    "ActionType": "kinds",
    "AgentLoopExecutor": "session.executor",
    "AgentLoopProtocol": "protocol.agent_loop",
    "CortexError": "errors",
    "Event": "events",
    "ExecutionPlan": "protocol.plan",
    "ManifestError": "errors",
    "Problem": "errors",
    "RetryPolicy": "protocol.action",
    "TerminationReason": "kinds",
    "UsageError": "errors",
}

__all__ = [
    "Action",
    "ActionError",
    "ActionMode",
    "ActionState",
    "ActionType",
    "AgentLoopExecutor",
    "AgentLoopProtocol",
    "CortexError",
    "Event",
    "ExecutionPlan",
    "ManifestError",
    "Problem",
    "RetryPolicy",
    "TerminationReason",
    "UsageError",
]


def __getattr__(name: str) -> Any:
    """Import a public name at its first use (PEP 562)."""
    home = _HOMES.get(name)
    if home is None:
        message = f"module 'cortex_cli' has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(f"cortex_cli.{home}"), name)


def __dir__() -> list[str]:
    """The public names."""
    return [*__all__, "__version__"]

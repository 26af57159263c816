"""An llm action whose model may call tools: what sets its run apart from that of an agent."""

from typing import TYPE_CHECKING

from cortex_cli.engine.ports import ActionCall
from cortex_cli.errors import ActionError
from cortex_cli.kinds import TerminationReason

if TYPE_CHECKING:
    from cortex_cli.engine.loop import Loop


def refuse_secrets(call: ActionCall) -> None:
    """Raise ActionError if there is a secret in what a model would be told."""
    if call.has_secret(call.parameters):
        message = "a secret would be in the prompt, and nothing was sent"
        hint = "give it to the tool that the model's answer goes to"
        raise ActionError(message, error_type="secret", retryable=False, hint=hint)


def failure_of(loop: "Loop") -> ActionError:
    """Why the action fails whose run has; where a model could not answer, that error itself."""
    error = None if loop.planning is None else loop.planning.error
    has_failed = loop.reason is TerminationReason.ACTION_FAILED
    if loop.spec.is_conversation and error is not None and has_failed:
        return error
    message, error_type = loop.error
    # Another attempt would have the same budget.
    may_differ = loop.reason is not TerminationReason.BUDGET_EXHAUSTED
    return ActionError(message, error_type=error_type, retryable=may_differ)

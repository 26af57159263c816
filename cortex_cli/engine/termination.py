"""Whether a loop whose plans a model writes goes on after an iteration, and why not."""

from cortex_cli.engine.planning import Planning
from cortex_cli.engine.ports import RunSpec
from cortex_cli.errors import ActionError
from cortex_cli.kinds import TerminationReason

Trouble = tuple[str, str]
"""What has gone wrong, for people, and its type, for programs."""


Verdict = tuple[TerminationReason | None, Trouble | None]
"""Why a loop ends, None if it goes on; and what is wrong then, where no action says so."""


def told_of(error: ActionError, planning: Planning, spec: RunSpec) -> str:
    """Why a model could not write, for people."""
    return (
        str(error) if spec.is_conversation else f"{planning.planner.name} could not plan: {error}"
    )


def verdict_on(planning: Planning, spec: RunSpec, *, has_failed: bool) -> Verdict:
    """Whether the loop ends, and why.

    An answer that was given while an action of its plan failed does not count.
    """
    if spec.outlook is not None:
        completed, failed = TerminationReason.PLAN_COMPLETED, TerminationReason.ACTION_FAILED
        return (failed if has_failed else completed), None
    protocol, error = spec.protocol, planning.error
    if error is not None:
        return TerminationReason.ACTION_FAILED, (told_of(error, planning, spec), error.error_type)
    is_reached = planning.is_answered and not has_failed
    if is_reached and protocol.terminate_on_goal_achieved:
        return TerminationReason.GOAL_ACHIEVED, None
    if has_failed and protocol.terminate_on_error:
        return TerminationReason.ACTION_FAILED, None
    reason, trouble = _standstill(planning, spec)
    return (TerminationReason.GOAL_ACHIEVED, None) if reason and is_reached else (reason, trouble)


def _standstill(planning: Planning, spec: RunSpec) -> Verdict:
    protocol, number = spec.protocol, planning.iteration
    # In a conversation a turn of refused calls is told of, and the last turn is an answer.
    may_stand_still = spec.is_conversation or not protocol.terminate_on_no_progress
    if not planning.has_progressed and not may_stand_still:
        told = f"{planning.planner.name} wrote neither an action nor an answer"
        if planning.joined:
            told = f"iteration {number} did the same as the one before it, with the same outcome"
        return TerminationReason.NO_PROGRESS, (told, "no_progress")
    if number >= protocol.max_iterations:
        times = "iteration" if number == 1 else "iterations"
        told = f"the goal was not reached in {number:,} {times}"
        if spec.is_conversation:
            told = f"{planning.planner.name} gave no answer in {number:,} turns"
        return TerminationReason.MAX_ITERATIONS, (told, "max_iterations")
    return None, None

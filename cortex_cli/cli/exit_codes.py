"""What the end of a run means for whoever called the command."""

from cortex_cli.kinds import TerminationReason

_EXIT_CODES = {
    TerminationReason.PLAN_COMPLETED: 0,
    TerminationReason.GOAL_ACHIEVED: 0,
    TerminationReason.ACTION_FAILED: 1,
    TerminationReason.NO_PROGRESS: 1,
    TerminationReason.MAX_ITERATIONS: 5,
    TerminationReason.DEADLINE: 5,
    TerminationReason.BUDGET_EXHAUSTED: 5,
    TerminationReason.APPROVAL_NEEDED: 4,
    TerminationReason.INPUT_NEEDED: 4,
    TerminationReason.CANCELLED: 130,
    TerminationReason.STATE_LOST: 3,
}


def exit_code_of(reason: TerminationReason | None) -> int:
    """The exit code for a termination reason; None: the run ended without one."""
    return 1 if reason is None else _EXIT_CODES[reason]

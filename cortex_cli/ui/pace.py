"""How far a run is and how long it may still take; pure."""

from cortex_cli.kinds import ActionState
from cortex_cli.ui.run_view import RunView

# What runs is never counted as done before it is, however long it takes.
_MOST_OF_A_RUNNING_ACTION = 0.9


def fraction(view: RunView, now: float) -> float:
    """The part of this iteration's work that is done, 0 to 1, by the weights of its actions."""
    scope = view.root
    if scope.work <= 0:
        return 0.0
    running = sum(
        min(row.elapsed(now) or 0.0, row.weight * _MOST_OF_A_RUNNING_ACTION)
        for row in view.rows[ActionState.RUNNING].values()
        if row.scope is scope and not row.is_detached
    )
    return max(0.0, min(1.0, (scope.done + running) / scope.work))


def seconds_left(view: RunView, now: float) -> float | None:
    """A guess at the seconds until this iteration's plan is done; None while nobody can tell.

    It starts from the plan's scheduled time and moves to what the pace so far says; estimates that
    are only timeouts count for nothing.
    """
    scope = view.root
    done = fraction(view, now)
    if scope.estimate is None or not scope.complete or done >= 1 or view.end is not None:
        return None
    measured = max(0.0, now - scope.started_at) * (1 - done) / done if done > 0 else 0.0
    if scope.bounded:
        return measured if scope.ended and done > 0 else None
    trust = min(1.0, 2 * done)
    return trust * measured + (1 - trust) * scope.estimate.scheduled_seconds * (1 - done)

"""What there is to say of a run that is over, or was: `cortex show --json`, field for field.

Times are in seconds; `start_seconds` and `end_seconds` count from the start of the run.
"""

from typing import Any

import msgspec

from cortex_cli.events import Usage
from cortex_cli.kinds import ActionMode, ActionState, ActionType, TerminationReason
from cortex_cli.ui.about_run import RunState
from cortex_cli.ui.action_story import WaitCause


class PathLink(msgspec.Struct, frozen=True, kw_only=True):
    """An action on the critical path: after which other it began, and what it had waited for last.

    `slot_of` is the action that gave up its slot for it, where it waited for one. `idle_seconds` lie
    between the two: nothing on the path ran then.
    """

    action: str
    seconds: float
    start_seconds: float
    after: str | None
    cause: WaitCause | None
    waited_seconds: float
    slot_of: str | None
    retry_seconds: float
    idle_seconds: float


class CauseOfWaits(msgspec.Struct, frozen=True, kw_only=True):
    """All the waits for one cause: their sum, how many actions waited, and which waited longest."""

    cause: WaitCause
    seconds: float
    actions: int
    longest: str
    longest_seconds: float
    on_path_seconds: float


class Miss(msgspec.Struct, frozen=True, kw_only=True):
    """An estimate, and what became of it."""

    action: str
    estimate_seconds: float
    estimate_source: str
    seconds: float

    @property
    def off_by(self) -> float:
        """By how many seconds the estimate was wrong."""
        return abs(self.seconds - self.estimate_seconds)


class AgainstPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What the plan promised against what was measured.

    `is_bound` says that the promise comes from timeouts: it is a limit then, no expectation.
    `compared` actions had an estimate that was an expectation; `misses` are the worst, worst first.
    """

    scheduled_seconds: float
    lower_bound_seconds: float
    max_parallel: int
    is_bound: bool
    compared: int
    misses: tuple[Miss, ...] = ()


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """What an action, a model or the run itself (`name` empty) has used."""

    name: str
    usage: Usage


class Used(msgspec.Struct, frozen=True, kw_only=True):
    """The use of models: in all, by action and by model, the most first."""

    total: Usage
    by_action: tuple[Spent, ...] = ()
    by_model: tuple[Spent, ...] = ()


class ActionReport(msgspec.Struct, frozen=True, kw_only=True):
    """One action: `action` are the ids that lead to it, `waits` seconds by cause.

    `output` and `parameters` are texts, cut where `output_characters` or `parameters_characters`
    say that there is more.
    """

    action: str
    name: str
    depth: int
    iteration: int
    type: ActionType | None
    target: str | None
    mode: ActionMode
    state: ActionState
    wave: int | None
    start_seconds: float | None
    end_seconds: float | None
    seconds: float
    attempts: int
    cached: bool
    waits: dict[WaitCause, float]
    after: dict[str, str]
    estimate_seconds: float | None
    estimate_source: str | None
    on_critical_path: bool
    reason: str | None
    error: str | None
    error_type: str | None
    usage: Usage | None
    parameters: str | None
    parameters_characters: int
    output: str | None
    output_characters: int


class RunReport(msgspec.Struct, frozen=True, kw_only=True):
    """A run in retrospect; `actions` are in the order of the tree, and `outputs` whole.

    `resume` is the command that goes on with it, where there is one.
    """

    execution_id: str
    name: str
    manifest: str | None
    state: RunState
    reason: TerminationReason | None
    started_at: float | None
    ended_at: float | None
    duration_seconds: float
    iterations: int
    inputs: dict[str, Any]
    counts: dict[ActionState, int]
    resume: str | None
    error: str | None
    critical_path: tuple[PathLink, ...]
    waits: tuple[CauseOfWaits, ...]
    slowest: tuple[str, ...]
    against_plan: AgainstPlan | None
    cached: tuple[str, ...]
    retried: tuple[str, ...]
    used: Used | None
    warnings: tuple[str, ...]
    outputs: Any
    actions: tuple[ActionReport, ...]

    def of(self, action: str) -> "ActionReport":
        """The last report of the action with that label; KeyError if there is none."""
        for report in reversed(self.actions):
            if report.action == action:
                return report
        raise KeyError(action)

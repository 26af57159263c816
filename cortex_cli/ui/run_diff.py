"""What is different between two runs, action by action; pure."""

from collections.abc import Iterator
from difflib import unified_diff
from enum import StrEnum
from typing import Any

import msgspec

from cortex_cli.kinds import ActionState
from cortex_cli.ui.about_run import RunState
from cortex_cli.ui.action_story import ActionStory
from cortex_cli.ui.excerpt import Excerpt, excerpt
from cortex_cli.ui.run_list import RunEntry
from cortex_cli.ui.run_story import RunStory

# A difference of lines is looked for in the first of them only: it is quadratic at worst.
MOST_COMPARED_LINES = 400
MOST_DIFF_LINES = 40

_NOTABLE_RATIO = 1.25
_NOTABLE_SECONDS = 0.1
_LONGEST_LINE = 500


class Change(StrEnum):
    """What became of an action between the first run and the second."""

    APPEARED = "appeared"
    VANISHED = "vanished"
    STATE = "state"
    DURATION = "duration"
    PARAMETERS = "parameters"
    OUTPUT = "output"


class ActionDiff(msgspec.Struct, frozen=True, kw_only=True):
    """An action that differs; pairs are the first run's and the second's.

    `output_diff` and `parameters_diff` are lines of a unified difference without its head, cut to 40.
    """

    action: str
    changes: tuple[Change, ...]
    states: tuple[ActionState | None, ActionState | None]
    seconds: tuple[float, float]
    errors: tuple[str | None, str | None] = (None, None)
    parameters_diff: tuple[str, ...] = ()
    output_diff: tuple[str, ...] = ()


class RunDiff(msgspec.Struct, frozen=True, kw_only=True):
    """Two runs side by side; `same` is how many actions differ in nothing told here."""

    runs: tuple[RunEntry, RunEntry]
    states: tuple[RunState, RunState]
    inputs_diff: tuple[str, ...]
    outputs_diff: tuple[str, ...]
    actions: tuple[ActionDiff, ...]
    same: int


def diff_runs(first: RunStory, second: RunStory, entries: tuple[RunEntry, RunEntry]) -> RunDiff:
    """The differences, in the order of the second run; what vanished comes last."""
    before, after = _by_label(first), _by_label(second)
    labels = [*after, *(label for label in before if label not in after)]
    diffs = [_compared(label, before.get(label), after.get(label)) for label in labels]
    changed = tuple(diff for diff in diffs if diff.changes)
    return RunDiff(
        runs=entries,
        states=(entries[0].state, entries[1].state),
        inputs_diff=_diff(excerpt(first.inputs), excerpt(second.inputs)),
        outputs_diff=_diff(excerpt(_outputs(first)), excerpt(_outputs(second))),
        actions=changed,
        same=len(diffs) - len(changed),
    )


def _outputs(story: RunStory) -> Any:
    return story.view.end.outputs if story.view.end else None


def _by_label(story: RunStory) -> dict[str, ActionStory]:
    """Of an action with several iterations the last counts."""
    return {action.label: action for action in story}


def _compared(label: str, first: ActionStory | None, second: ActionStory | None) -> ActionDiff:
    states = (_state(first), _state(second))
    seconds = (first.seconds if first else 0.0, second.seconds if second else 0.0)
    if first is None or second is None:
        change = Change.APPEARED if first is None else Change.VANISHED
        return ActionDiff(action=label, changes=(change,), states=states, seconds=seconds)
    return ActionDiff(
        action=label,
        changes=tuple(_changes(first, second)),
        states=states,
        seconds=seconds,
        errors=(first.row.error or None, second.row.error or None),
        parameters_diff=_diff(first.parameters, second.parameters),
        output_diff=_diff(first.output, second.output),
    )


def _state(action: ActionStory | None) -> ActionState | None:
    return None if action is None else action.row.state


def _changes(first: ActionStory, second: ActionStory) -> Iterator[Change]:
    if first.row.state is not second.row.state:
        yield Change.STATE
    if is_notable(first.seconds, second.seconds) and first.has_run and second.has_run:
        yield Change.DURATION
    if _differ(first.parameters, second.parameters):
        yield Change.PARAMETERS
    if _differ(first.output, second.output):
        yield Change.OUTPUT


def is_notable(first: float, second: float) -> bool:
    """Whether two durations are a quarter, and a tenth of a second, apart."""
    less, more = sorted((first, second))
    return more - less >= _NOTABLE_SECONDS and more >= less * _NOTABLE_RATIO


def _differ(first: Excerpt | None, second: Excerpt | None) -> bool:
    """Not where one of them is missing: its state tells that already."""
    return first is not None and second is not None and first.digest != second.digest


def _diff(first: Excerpt | None, second: Excerpt | None) -> tuple[str, ...]:
    if first is None or second is None or not _differ(first, second):
        return ()
    lines = unified_diff(_lines(first), _lines(second), lineterm="", n=1)
    shown = [line for line in lines if not line.startswith(("--- ", "+++ ", "@@"))]
    if not shown:
        return ("they differ beyond what is kept of them",)
    more = len(shown) - MOST_DIFF_LINES
    return (*shown[:MOST_DIFF_LINES], *([f"… {more:,} more lines"] if more > 0 else []))


def _lines(value: Excerpt) -> list[str]:
    return [line[:_LONGEST_LINE] for line in value.text.split("\n")[:MOST_COMPARED_LINES]]

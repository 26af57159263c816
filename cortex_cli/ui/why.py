"""Why an action did what it did: a few plain sentences, and the events that show it; pure."""

from collections.abc import Iterable, Iterator

import msgspec

from cortex_cli.events import ActionEvent, Event, Progress
from cortex_cli.kinds import ActionState
from cortex_cli.ui.action_story import ActionStory, WaitCause
from cortex_cli.ui.run_story import RunStory
from cortex_cli.ui.sentences import sentence
from cortex_cli.ui.stopwatch import seconds_text
from cortex_cli.ui.why_not import root_cause, why_cancelled, why_skipped
from cortex_cli.ui.why_waited import why_waited
from cortex_cli.ui.words import counted

MOST_EVIDENCE = 40

_LEAST_TOLD = 0.001


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody knows that the events don't tell: the text of the condition, the cache's reason."""

    condition: str | None = None
    cache: str | None = None


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """An event, in words; `seconds` count from the start of the run."""

    sequence: int
    seconds: float
    action: str
    what: str


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Why an action waited, ran, failed, was skipped, cancelled or taken from the cache.

    `root_cause` is the action whose failure led to its being skipped, where one did. `left_out` is
    how many events there are beyond those in `evidence`.
    """

    action: str
    name: str
    state: ActionState
    sentences: tuple[str, ...]
    root_cause: str | None
    evidence: tuple[Evidence, ...] = ()
    left_out: int = 0


def why(story: RunStory, action: ActionStory, events: Iterable[Event], told: Told) -> Explanation:
    """The explanation of one action; `events` are those of the run once more."""
    cause = root_cause(story, action)
    involved = {action.label, *(one.label for one in (cause, action.released_by) if one)}
    start = story.view.started_at or 0.0
    evidence = list(_evidence(events, involved, start))
    return Explanation(
        action=action.label,
        name=action.row.name,
        state=action.row.state,
        sentences=tuple(_sentences(story, action, told)),
        root_cause=cause.label if cause is not None and cause is not action else None,
        evidence=tuple(evidence[:MOST_EVIDENCE]),
        left_out=max(0, len(evidence) - MOST_EVIDENCE),
    )


def _evidence(events: Iterable[Event], involved: set[str], start: float) -> Iterator[Evidence]:
    for event in events:
        if not isinstance(event, ActionEvent) or isinstance(event, Progress):
            continue
        label = "/".join((*event.path, event.action_id))
        if label in involved and (what := sentence(event)) is not None:
            yield Evidence(
                sequence=event.sequence,
                seconds=max(0.0, event.seconds - start),
                action=label,
                what=what,
            )


def _sentences(story: RunStory, action: ActionStory, told: Told) -> Iterator[str]:
    yield from why_waited(action)
    match action.row.state:
        case ActionState.SKIPPED:
            yield from why_skipped(story, action, told.condition)
        case ActionState.CANCELLED:
            yield from _how_it_ran(action)
            yield from why_cancelled(story, action)
        case ActionState.COMPLETED | ActionState.FAILED:
            yield from _how_it_ran(action)
            yield from _how_it_ended(action)
        case ActionState.RUNNING:
            yield from _how_it_ran(action)
            yield "The events end while it runs."
        case _:
            yield "The events end before it has begun."
    if told.cache is not None:
        yield told.cache


def _how_it_ran(action: ActionStory) -> Iterator[str]:
    """The attempts but the last, each with its error."""
    for attempt in action.attempts[:-1]:
        error = f": {attempt.error}" if attempt.error else ""
        took = seconds_text((attempt.end or attempt.start) - attempt.start)
        yield f"Attempt {attempt.number} failed after {took}{error}."
    backoff = action.waited(WaitCause.RETRY)
    if backoff >= _LEAST_TOLD:
        yield f"It waited {seconds_text(backoff)} to be tried again."
    targets = [attempt.target for attempt in action.attempts]
    if len(set(targets)) > 1:
        yield f"It fell back from {targets[0]} to {targets[-1]}."


def _how_it_ended(action: ActionStory) -> Iterator[str]:
    row, took = action.row, seconds_text(action.seconds)
    if row.cached:
        yield "It did not run: its output was taken from the cache."
    elif row.state is ActionState.COMPLETED:
        tries = f" on attempt {row.attempt}" if row.attempt > 1 else ""
        yield f"It ran for {took} and completed{tries}."
    elif not action.has_run:
        yield f"It could not begin ({row.error_type}): {row.error}"
    else:
        tries = f", {counted(row.attempt, 'attempt')}" if row.attempt > 1 else ""
        yield f"It failed after {took}{tries} ({row.error_type}): {row.error}"
        yield from _inner_failure(action)


def _inner_failure(action: ActionStory) -> Iterator[str]:
    failed = [child for child in action.children if child.row.state is ActionState.FAILED]
    if failed:
        first = min(failed, key=lambda child: child.ended)
        yield f"Inside it, {first.label} failed first: {first.row.error}"

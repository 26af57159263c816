"""From the story of a run to the report on it: what took the time, what waited, what it cost."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from cortex_cli.events import Usage
from cortex_cli.kinds import ActionState, ActionType
from cortex_cli.ui.about_run import AboutRun, state_of, way_on
from cortex_cli.ui.action_story import ActionStory, WaitCause
from cortex_cli.ui.excerpt import Excerpt
from cortex_cli.ui.rows import BOUNDS
from cortex_cli.ui.run_report import (
    ActionReport,
    AgainstPlan,
    CauseOfWaits,
    Miss,
    PathLink,
    RunReport,
)
from cortex_cli.ui.run_story import RunStory
from cortex_cli.ui.run_usage import used
from cortex_cli.ui.walk_back import Link, walk_back

MOST_NAMED = 10
TEXT_KEPT = 2_000
MOST_WARNINGS = 200

# Work that takes no time worth telling is neither slow nor well or badly estimated.
_LEAST_SECONDS = 0.001


def look_back(story: RunStory, about: AboutRun, text_kept: int = TEXT_KEPT) -> RunReport:
    """The report on a run, with at most `text_kept` characters of each parameter and output."""
    view, actions, links = story.view, list(story), walk_back(story)
    leaves = [action for action in actions if action.has_run and not action.children]
    start = view.started_at if view.started_at is not None else about.started_at
    on_path = {link.action for link in links}
    slowest = sorted(leaves, key=lambda action: -action.seconds)
    return RunReport(
        execution_id=view.execution_id,
        name=view.root.name,
        manifest=about.manifest,
        state=state_of(view, about),
        reason=view.termination,
        started_at=start,
        ended_at=view.latest if view.end is not None else None,
        duration_seconds=view.end.duration if view.end else view.elapsed(view.latest),
        iterations=view.root.iteration,
        inputs=story.inputs,
        counts={state: count for state in ActionState if (count := view.count(state))},
        resume=way_on(view, about),
        error=view.end.error if view.end else None,
        critical_path=tuple(_path_link(link, start or 0.0) for link in links),
        waits=_by_cause(actions, links),
        slowest=tuple(a.label for a in slowest[:MOST_NAMED] if a.seconds >= _LEAST_SECONDS),
        against_plan=_against_plan(story, leaves),
        cached=tuple(action.label for action in actions if action.row.cached),
        retried=tuple(action.label for action in actions if len(action.attempts) > 1),
        used=used(story, view.end.usage if view.end else Usage()),
        warnings=tuple(
            f"{label}: {message}" if label else message
            for label, message in story.warnings[-MOST_WARNINGS:]
        ),
        outputs=view.end.outputs if view.end else None,
        actions=tuple(
            _action_report(action, start or 0.0, text_kept, on_path=action in on_path)
            for action in actions
        ),
    )


def _path_link(link: Link, start: float) -> PathLink:
    row = link.action.row
    return PathLink(
        action=link.action.label,
        seconds=link.action.seconds,
        start_seconds=max(0.0, (row.started_at or start) - start),
        after=None if link.after is None else link.after.label,
        cause=link.cause,
        waited_seconds=link.waited,
        slot_of=None if link.slot_of is None else link.slot_of.label,
        retry_seconds=link.action.waited(WaitCause.RETRY),
        idle_seconds=link.idle,
    )


def _by_cause(actions: Iterable[ActionStory], links: Sequence[Link]) -> tuple[CauseOfWaits, ...]:
    """Only causes that took time, in the order of the protocol."""
    sums: dict[WaitCause, list[tuple[float, str]]] = defaultdict(list)
    for action in actions:
        for cause in {wait.cause for wait in action.waits}:
            sums[cause].append((action.waited(cause), action.label))
    on_path: dict[WaitCause, float] = defaultdict(float)
    for link in links:
        if link.explains_idle is not None:
            on_path[link.explains_idle] += link.idle
        on_path[WaitCause.RETRY] += link.action.waited(WaitCause.RETRY)
    return tuple(
        CauseOfWaits(
            cause=cause,
            seconds=sum(seconds for seconds, _ in sums[cause]),
            actions=len(sums[cause]),
            longest=max(sums[cause])[1],
            longest_seconds=max(sums[cause])[0],
            on_path_seconds=on_path[cause],
        )
        for cause in WaitCause
        if sums[cause]
    )


def _against_plan(story: RunStory, leaves: Sequence[ActionStory]) -> AgainstPlan | None:
    """None without a plan, or where several iterations had one each."""
    scope = story.view.root
    if scope.estimate is None or scope.iteration > 1:
        return None
    compared = [miss for action in leaves if (miss := _compared(action)) is not None]
    worst = sorted(compared, key=lambda miss: -miss.off_by)
    return AgainstPlan(
        scheduled_seconds=scope.estimate.scheduled_seconds,
        lower_bound_seconds=scope.estimate.lower_bound_seconds,
        max_parallel=scope.estimate.max_parallel,
        is_bound=scope.bounded > 0,
        compared=len(compared),
        misses=tuple(miss for miss in worst[:MOST_NAMED] if miss.off_by >= _LEAST_SECONDS),
    )


def _compared(action: ActionStory) -> Miss | None:
    """Estimates of what was cached, cancelled or costs nothing by nature say nothing."""
    plan, row = action.row.plan, action.row
    if plan is None or plan.estimate_source in BOUNDS or row.cached:
        return None
    if row.state not in {ActionState.COMPLETED, ActionState.FAILED}:
        return None
    if row.type in {ActionType.INTERNAL, ActionType.DECISION}:
        return None
    return Miss(
        action=action.label,
        estimate_seconds=plan.estimate_seconds,
        estimate_source=plan.estimate_source,
        seconds=action.seconds,
    )


def _action_report(
    action: ActionStory, start: float, text_kept: int, *, on_path: bool
) -> ActionReport:
    row, plan = action.row, action.row.plan
    output, parameters = action.output, action.parameters
    return ActionReport(
        action=action.label,
        name=row.name,
        depth=row.depth,
        iteration=row.scope.iteration,
        type=row.type,
        target=row.target,
        mode=row.mode,
        state=row.state,
        wave=plan.wave if plan else None,
        start_seconds=None if row.started_at is None else max(0.0, row.started_at - start),
        end_seconds=None if row.ended_at is None else max(0.0, row.ended_at - start),
        seconds=action.seconds,
        attempts=row.attempt,
        cached=row.cached,
        waits={cause: action.waited(cause) for cause in sorted({w.cause for w in action.waits})},
        after={source: kind.value for source, kind in action.after.items()},
        estimate_seconds=plan.estimate_seconds if plan else None,
        estimate_source=plan.estimate_source if plan else None,
        on_critical_path=on_path,
        reason=row.reason or None,
        error=row.error or None,
        error_type=row.error_type or None,
        usage=action.usage,
        parameters=_kept(parameters, text_kept),
        parameters_characters=parameters.characters if parameters else 0,
        output=_kept(output, text_kept),
        output_characters=output.characters if output else 0,
    )


def _kept(value: Excerpt | None, most: int) -> str | None:
    return None if value is None else value.cut(most).text

"""What is to be shown of a run, as a fold over its events; pure, so a recorded run shows alike.

`fold` takes one event in, in time that doesn't grow with the run: the view is one accumulator,
which it changes and hands back. What it keeps of texts, lines and warnings is bounded.
"""

from typing import assert_never

import cortex_cli.events as ev
from cortex_cli.kinds import ActionState, QueueReason
from cortex_cli.ui.preview import preview
from cortex_cli.ui.rows import Row
from cortex_cli.ui.run_view import RunView, Said

__all__ = ["RunView", "fold"]

_ERROR_LENGTH = 4_000
_LINE_LENGTH = 400
_WAYS = "retry, skip or stop?"


def fold(view: RunView, event: ev.Event) -> RunView:
    """Take one event in; the same view, changed."""
    view.latest = event.seconds
    match event:
        case ev.LlmToken() | ev.Thought():
            view.streams.add(event)
        case (
            ev.ActionQueued()
            | ev.ActionStarted()
            | ev.ActionRetrying()
            | ev.Progress()
            | ev.ApprovalRequested()
            | ev.ApprovalGiven()
        ):
            _advance(view, view.row(event), event)
        case ev.ActionCompleted() | ev.ActionFailed() | ev.ActionSkipped() | ev.ActionCancelled():
            _finish(view, view.row(event), event)
        case ev.PlanGenerated() | ev.PlanExtended() | ev.PlanPatched():
            _plan(view, event)
        case ev.LimitChanged(data=data):
            moved = f"{data.before:g} to {data.after:g}: {data.why}"
            view.lines.append(Said(view.latest, data.which, moved[:_LINE_LENGTH]))
        case ev.WarningRaised(data=data):
            view.warning_count += 1
            view.warnings.append((_label(event), data.message[:_ERROR_LENGTH]))
        case _:
            _turn(view, event)
    return view


_Turn = (
    ev.AgentStarted | ev.IterationStarted | ev.IterationCompleted | ev.Termination | ev.AgentEnded
)


def _turn(view: RunView, event: _Turn) -> None:
    """An event about the loop of a run."""
    match event:
        case ev.AgentStarted(data=data):
            if not event.path:
                view.begin(event.execution_id)
            scope = view.go_on(event.path) or view.open_scope(event.path)
            scope.name, scope.max_iterations = data.agent_name, data.max_iterations
        case ev.IterationStarted(data=data):
            scope = view.scope(event.path)
            if scope.rows and scope.iteration != data.iteration:
                scope = view.open_scope(event.path)
            scope.iteration, scope.max_iterations = data.iteration, data.max_iterations
        case ev.IterationCompleted():
            view.streams.end(event.path, None, view.latest)
        case ev.Termination(data=data):
            if not event.path:
                view.termination = data.reason
        case ev.AgentCompleted() | ev.AgentFailed() | ev.AgentPaused() | ev.AgentCancelled():
            view.streams.end(event.path, None, view.latest)
            if not event.path:
                view.end, view.ended_as = event.data, event.event_type
        case _:
            assert_never(event)


def _plan(view: RunView, event: ev.PlanGenerated | ev.PlanExtended | ev.PlanPatched) -> None:
    scope = view.scope(event.path)
    match event:
        case ev.PlanGenerated(data=data):
            if not scope.rows:
                scope.started_at = view.latest
            scope.sources.clear()
            scope.estimate, scope.complete = data.report.estimate, data.complete
            scope.name = scope.name or data.report.agent
            view.plan(scope, data.report.actions, data.report.edges)
        case ev.PlanExtended(data=data):
            scope.complete = scope.complete or data.complete
            view.plan(scope, data.actions, data.edges)
        case ev.PlanPatched(data=data):
            for replaced in data.replaced:
                row = scope.rows.get(replaced)
                if row is not None and not row.state.is_final:
                    view.forget(row)
            view.plan(scope, data.actions, data.edges)
            why = f"plan changed: {data.reason}"[:_LINE_LENGTH]
            view.lines.append(Said(view.latest, _label(event), why))
        case _:
            assert_never(event)
    if scope.complete:
        view.streams.end(event.path, None, view.latest)


_Advance = (
    ev.ActionQueued
    | ev.ActionStarted
    | ev.ActionRetrying
    | ev.Progress
    | ev.ApprovalRequested
    | ev.ApprovalGiven
)


def _advance(view: RunView, row: Row, event: _Advance) -> None:
    """An event about an action that has not ended."""
    match event:
        case ev.ActionQueued(data=data):
            view.move(row, ActionState.QUEUED)
            row.queued_at, row.queue_reason = view.latest, data.reason
        case ev.ActionStarted(data=data):
            view.move(row, ActionState.RUNNING)
            row.begin(data, view.latest)
        case ev.ActionRetrying(data=data):
            view.move(row, ActionState.QUEUED)
            row.queued_at, row.queue_reason = view.latest, QueueReason.RETRY
            row.retry_at = view.latest + data.delay_seconds
            row.error, row.error_type = data.error[:_ERROR_LENGTH], data.error_type
            view.streams.end(event.path, row.id, view.latest)
        case ev.Progress(data=data):
            row.progress = data
            if data.message:
                said = data.message[:_LINE_LENGTH]
                view.lines.append(Said(view.latest, row.label, said, row))
        case ev.ApprovalRequested(data=data):
            row.question = _WAYS if data.error else data.question[:_LINE_LENGTH]
            if data.error:
                row.error, row.error_type = data.error[:_ERROR_LENGTH], data.error_type or ""
                view.streams.end(event.path, row.id, view.latest)
        case ev.ApprovalGiven():
            row.question = ""
        case _:
            assert_never(event)


def _finish(view: RunView, row: Row, event: ev.ActionEnded) -> None:
    """The final event of an action."""
    match event:
        case ev.ActionCompleted(data=data):
            view.move(row, ActionState.COMPLETED)
            row.seconds, row.attempt, row.cached = data.duration_seconds, data.attempts, data.cached
            row.output = preview(data.output)
            row.error = row.error_type = ""
        case ev.ActionFailed(data=data):
            view.move(row, ActionState.FAILED)
            row.seconds, row.attempt = data.duration_seconds, data.attempts
            row.error, row.error_type = data.error[:_ERROR_LENGTH], data.error_type
        case ev.ActionSkipped(data=data):
            view.move(row, ActionState.SKIPPED)
            row.reason = data.reason.value
        case ev.ActionCancelled(data=data):
            view.move(row, ActionState.CANCELLED)
            row.seconds, row.reason = data.duration_seconds, data.reason.value
        case _:
            assert_never(event)
    row.question = ""
    view.streams.end(event.path, row.id, view.latest)


def _label(event: ev.RunEvent) -> str:
    return "/".join((*event.path, event.action_id) if event.action_id else event.path)

"""What plain output says of an event, in words that can be searched for; pure."""

from typing import assert_never

import cortex_cli.events as ev
from cortex_cli.kinds import QueueReason
from cortex_cli.ui.rows import BOUNDS
from cortex_cli.ui.stopwatch import seconds_text
from cortex_cli.ui.words import QUEUE_WORDS, counted, counts_text, listed, progress_text

_ENDS = {
    "agent_completed": "completed in",
    "agent_failed": "failed after",
    "agent_paused": "paused after",
    "agent_cancelled": "cancelled after",
}


def sentence(event: ev.Event, iterations: int = 1) -> str | None:
    """What to say of the event after its subject; None for one that another says better.

    `iterations` is how many its run may have: of a single one there is nothing to say.
    """
    match event:
        case ev.LlmToken() | ev.Thought() | ev.Termination():
            said = None
        case ev.IterationStarted() | ev.IterationCompleted() if iterations == 1:
            said = None
        case ev.PlanGenerated() | ev.PlanExtended() | ev.PlanPatched():
            said = _of_plan(event)
        case ev.ActionCompleted() | ev.ActionFailed() | ev.ActionSkipped() | ev.ActionCancelled():
            said = _of_end(event)
        case (
            ev.ActionQueued()
            | ev.ActionStarted()
            | ev.ActionRetrying()
            | ev.Progress()
            | ev.ApprovalRequested()
            | ev.ApprovalGiven()
        ):
            said = _of_action(event)
        case _:
            said = _of_run(event)
    return said


_RunEvent = (
    ev.AgentStarted
    | ev.IterationStarted
    | ev.IterationCompleted
    | ev.LimitChanged
    | ev.WarningRaised
    | ev.AgentEnded
)


def _of_run(event: _RunEvent) -> str:
    match event:
        case ev.AgentStarted(data=data):
            estimate = f", estimated {seconds_text(data.estimate)}" if data.estimate else ""
            what = f"runs {data.agent_name}" if event.path else f"started run {event.execution_id}"
            said = what + estimate
        case ev.IterationStarted(data=data):
            said = f"iteration {data.iteration} of {data.max_iterations} started"
        case ev.IterationCompleted(data=data):
            said = f"iteration {event.iteration} ended: {counts_text(data.counts)}"
        case ev.LimitChanged(data=data):
            said = f"{data.which} changed from {data.before:g} to {data.after:g}: {data.why}"
        case ev.WarningRaised(data=data):
            said = f"warning: {data.message}"
        case ev.AgentCompleted() | ev.AgentFailed() | ev.AgentPaused() | ev.AgentCancelled():
            said = _of_agent_end(event)
        case _:
            assert_never(event)
    return said


def _of_agent_end(event: ev.AgentEnded) -> str:
    data = event.data
    error = f": {data.error}" if data.error else ""
    verb = f"its run {_ENDS[event.event_type]}" if event.path else _ENDS[event.event_type]
    return f"{verb} {seconds_text(data.duration)}, {counts_text(data.counts)}{error}"


def _of_plan(event: ev.PlanGenerated | ev.PlanExtended | ev.PlanPatched) -> str:
    match event:
        case ev.PlanGenerated(data=data):
            actions, estimate = data.report.actions, data.report.estimate
            waves = max((action.wave for action in actions), default=0)
            if not data.complete:
                return (
                    f"planning, {counted(len(actions), 'action')} so far" if actions else "planning"
                )
            is_bounded = any(action.estimate_source in BOUNDS for action in actions)
            return (
                f"planned {counted(len(actions), 'action')} in {counted(waves, 'wave')}, "
                f"{'at most' if is_bounded else 'estimated'} "
                f"{seconds_text(estimate.scheduled_seconds)}"
            )
        case ev.PlanExtended(data=data):
            return _of_growth(data)
        case ev.PlanPatched(data=data):
            replaced = ", ".join(data.replaced)
            return f"plan changed, {replaced} replaced by {listed(action.id for action in data.actions)}: {data.reason}"
        case _:
            assert_never(event)


def _of_growth(data: ev.PlanExtendedData) -> str:
    if data.actions:
        return f"planned {len(data.actions):,} more: {listed(action.id for action in data.actions)}"
    if not data.complete:
        return "the plan was not written to its end"
    return "the plan is complete" if data.answer is None else "answered"


_ActionEvent = (
    ev.ActionQueued
    | ev.ActionStarted
    | ev.ActionRetrying
    | ev.Progress
    | ev.ApprovalRequested
    | ev.ApprovalGiven
)


def _of_action(event: _ActionEvent) -> str | None:
    match event:
        case ev.ActionQueued(data=data):
            is_told = data.reason in {QueueReason.RETRY, QueueReason.APPROVAL}
            said = None if is_told else f"queued, {QUEUE_WORDS[data.reason]}"
        case ev.ActionStarted(data=data):
            attempt = f", attempt {data.attempt}" if data.attempt > 1 else ""
            target = f" {data.target}" if data.target else ""
            said = f"started{attempt} ({data.type}{target})"
        case ev.ActionRetrying(data=data):
            wait = seconds_text(data.delay_seconds)
            said = f"attempt {data.attempt} failed, again in {wait}: {data.error}"
        case ev.Progress(data=data):
            far = progress_text(data)
            said = "progress " + ": ".join(part for part in (far, data.message) if part)
        case ev.ApprovalRequested(data=data):
            error = f" ({data.error})" if data.error else ""
            said = f"asks: {data.question}{error}"
        case ev.ApprovalGiven(data=data):
            answer = f": {data.answer}" if data.answer else ""
            said = f"{'approved' if data.approved else 'denied'} by {data.by}{answer}"
        case _:
            assert_never(event)
    return said


def _of_end(event: ev.ActionEnded) -> str:
    match event:
        case ev.ActionCompleted(data=data):
            tries = f", {data.attempts} attempts" if data.attempts > 1 else ""
            cached = ", from the cache" if data.cached else ""
            said = f"completed in {seconds_text(data.duration_seconds)}{tries}{cached}"
        case ev.ActionFailed(data=data):
            tries = f", {data.attempts} attempts" if data.attempts > 1 else ""
            said = f"failed after {seconds_text(data.duration_seconds)}{tries}: {data.error}"
        case ev.ActionSkipped(data=data):
            said = f"skipped: {data.reason}"
        case ev.ActionCancelled(data=data):
            said = f"cancelled after {seconds_text(data.duration_seconds)}: {data.reason}"
        case _:
            assert_never(event)
    return said

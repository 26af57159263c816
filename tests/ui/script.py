"""Made-up runs: valid sequences of events, with times that the test chooses."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import cortex_cli.events as ev
from cortex_cli.kinds import (
    ActionMode,
    ActionType,
    CancelReason,
    EdgeKind,
    QueueReason,
    SkipReason,
    TerminationReason,
)
from cortex_cli.report import PlanEstimate, PlannedAction, PlannedEdge, PlanReport
from cortex_cli.ui.view import RunView, fold

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
START_SECONDS = START.timestamp()


def planned(
    action: str,
    *,
    name: str = "",
    kind: ActionType = ActionType.TOOL,
    mode: ActionMode = ActionMode.ASYNC,
    wave: int = 1,
    seconds: float = 1.0,
    source: str = "estimate_seconds",
) -> PlannedAction:
    return PlannedAction(
        id=action,
        name=name or action,
        type=kind,
        mode=mode,
        target=f"{action}_target",
        wave=wave,
        estimate_seconds=seconds,
        estimate_source=source,
        start_seconds=0.0,
        end_seconds=seconds,
        slack_seconds=0.0,
        on_critical_path=False,
    )


def edges(sources: Mapping[str, Sequence[str]]) -> tuple[PlannedEdge, ...]:
    return tuple(
        PlannedEdge(source=source, target=target, kind=EdgeKind.DEPENDS_ON)
        for target, names in sources.items()
        for source in names
    )


class Script:
    """Writes the events of one run in order; `at` is in seconds since the run began."""

    def __init__(self) -> None:
        self.events: list[ev.Event] = []
        self.view = RunView()
        self.time = 0.0
        self.iteration = 1

    def at(self, seconds: float) -> "Script":
        self.time = seconds
        return self

    @property
    def now(self) -> float:
        return START_SECONDS + self.time

    def emit(self, kind: Any, payload: ev.Payload, *names: str, path: str = "") -> "Script":
        moment = START + timedelta(seconds=self.time)
        fields: dict[str, Any] = {
            "schema": 1,
            "sequence": len(self.events) + 1,
            "timestamp": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "execution_id": "run-7f3a",
            "iteration": self.iteration,
            "path": tuple(path.split("/")) if path else (),
            "data": payload,
        }
        if names:
            fields |= {"action_id": names[0], "action_name": names[-1]}
        event: ev.Event = kind(**fields)
        self.events.append(event)
        fold(self.view, event)
        return self

    def start(
        self,
        agent: str = "research_agent",
        *,
        iterations: int = 1,
        inputs: dict[str, Any] | None = None,
        path: str = "",
    ) -> "Script":
        data = ev.AgentStartedData(
            agent_name=agent, max_iterations=iterations, inputs=inputs or {}, estimate=None
        )
        return self.emit(ev.AgentStarted, data, path=path)

    def turn(self, iteration: int = 1, *, of: int = 1, path: str = "") -> "Script":
        self.iteration = iteration
        data = ev.IterationStartedData(iteration=iteration, max_iterations=of)
        return self.emit(ev.IterationStarted, data, path=path)

    def plan(
        self,
        actions: Iterable[PlannedAction],
        sources: Mapping[str, Sequence[str]] | None = None,
        *,
        scheduled: float = 10.0,
        bound: float = 8.0,
        complete: bool = True,
        path: str = "",
    ) -> "Script":
        report = PlanReport(
            agent="research_agent",
            actions=tuple(actions),
            edges=edges(sources or {}),
            estimate=PlanEstimate(
                sequential_seconds=2 * scheduled,
                scheduled_seconds=scheduled,
                lower_bound_seconds=bound,
                speedup=2.0,
                max_parallel=5,
            ),
        )
        data = ev.PlanGeneratedData(report=report, complete=complete)
        return self.emit(ev.PlanGenerated, data, path=path)

    def extend(
        self,
        actions: Iterable[PlannedAction],
        sources: Mapping[str, Sequence[str]] | None = None,
        *,
        complete: bool = False,
        path: str = "",
    ) -> "Script":
        data = ev.PlanExtendedData(
            actions=tuple(actions), edges=edges(sources or {}), complete=complete
        )
        return self.emit(ev.PlanExtended, data, path=path)

    def patch(self, replaced: Sequence[str], *actions: PlannedAction, why: str) -> "Script":
        data = ev.PlanPatchedData(replaced=tuple(replaced), actions=actions, edges=(), reason=why)
        return self.emit(ev.PlanPatched, data)

    def queue(
        self, action: str, reason: QueueReason = QueueReason.SLOT, path: str = ""
    ) -> "Script":
        return self.emit(ev.ActionQueued, ev.ActionQueuedData(reason=reason), action, path=path)

    def begin(
        self,
        action: str,
        *,
        attempt: int = 1,
        kind: ActionType = ActionType.TOOL,
        mode: ActionMode = ActionMode.ASYNC,
        target: str | None = "python",
        parameters: dict[str, Any] | None = None,
        path: str = "",
    ) -> "Script":
        data = ev.ActionStartedData(
            type=kind, mode=mode, target=target, attempt=attempt, parameters=parameters or {}
        )
        return self.emit(ev.ActionStarted, data, action, path=path)

    def retry(self, action: str, error: str, *, attempt: int = 1, delay: float = 1.0) -> "Script":
        data = ev.ActionRetryingData(
            attempt=attempt, error=error, error_type="error", delay_seconds=delay
        )
        return self.emit(ev.ActionRetrying, data, action)

    def say(self, action: str, message: str = "", *, path: str = "", **amounts: float) -> "Script":
        data = ev.ProgressData(message=message, **amounts)
        return self.emit(ev.Progress, data, action, path=path)

    def token(
        self,
        action: str | None,
        text: str,
        *,
        number: int = 1,
        model: str = "small",
        path: str = "",
    ) -> "Script":
        data = ev.LlmTokenData(token=text, model=model, cumulative_tokens=number)
        return self.emit(ev.LlmToken, data, *([action] if action else []), path=path)

    def think(self, action: str | None, text: str, *, path: str = "") -> "Script":
        return self.emit(
            ev.Thought, ev.ThoughtData(text=text), *([action] if action else []), path=path
        )

    def complete(
        self,
        action: str,
        output: Any = None,
        *,
        seconds: float = 1.0,
        attempts: int = 1,
        cached: bool = False,
        usage: ev.Usage | None = None,
        path: str = "",
    ) -> "Script":
        data = ev.ActionCompletedData(
            output=output,
            duration_seconds=seconds,
            attempts=attempts,
            cached=cached,
            usage=usage,
        )
        return self.emit(ev.ActionCompleted, data, action, path=path)

    def fail(
        self,
        action: str,
        error: str = "exit status 2",
        *,
        seconds: float = 1.0,
        attempts: int = 1,
        path: str = "",
    ) -> "Script":
        data = ev.ActionFailedData(
            error=error, error_type="exit_status", attempts=attempts, duration_seconds=seconds
        )
        return self.emit(ev.ActionFailed, data, action, path=path)

    def skip(
        self, action: str, reason: SkipReason = SkipReason.UPSTREAM_FAILED, path: str = ""
    ) -> "Script":
        return self.emit(ev.ActionSkipped, ev.ActionSkippedData(reason=reason), action, path=path)

    def cancel(
        self, action: str, reason: CancelReason = CancelReason.ABORTED, *, seconds: float = 1.0
    ) -> "Script":
        data = ev.ActionCancelledData(reason=reason, duration_seconds=seconds)
        return self.emit(ev.ActionCancelled, data, action)

    def ask(self, action: str, question: str) -> "Script":
        data = ev.ApprovalRequestedData(question=question, effect="external", parameters={})
        return self.emit(ev.ApprovalRequested, data, action)

    def ask_about(self, action: str, question: str, error: str) -> "Script":
        data = ev.ApprovalRequestedData(
            question=question,
            effect="external",
            parameters={},
            error=error,
            error_type="broken",
        )
        return self.emit(ev.ApprovalRequested, data, action)

    def answer(self, action: str, *, approved: bool = True, text: str | None = None) -> "Script":
        data = ev.ApprovalGivenData(approved=approved, by="ada", answer=text)
        return self.emit(ev.ApprovalGiven, data, action)

    def warn(self, message: str, *action: str, path: str = "") -> "Script":
        return self.emit(ev.WarningRaised, ev.WarningData(message=message), *action, path=path)

    def limit(self, which: str, before: float, after: float, why: str) -> "Script":
        data = ev.LimitChangedData(which=which, before=before, after=after, why=why)
        return self.emit(ev.LimitChanged, data)

    def end(
        self,
        kind: type[ev.AgentEnded] = ev.AgentCompleted,
        reason: TerminationReason = TerminationReason.PLAN_COMPLETED,
        *,
        path: str = "",
        **fields: Any,
    ) -> "Script":
        counts = ev.StateCounts()
        self.emit(ev.IterationCompleted, ev.IterationCompletedData(counts=counts), path=path)
        self.emit(ev.Termination, ev.TerminationData(reason=reason), path=path)
        return self.emit(
            kind, ev.AgentEndedData(counts=counts, duration=self.time, **fields), path=path
        )

"""What has happened to every action of a run, as a fold over its events; pure.

The view (`ui/view.py`) keeps what a screen shows of the moment; a story keeps the past beside it:
every wait and its cause, every attempt, what went in and what came out.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import cortex_cli.events as ev
from cortex_cli.kinds import ActionType
from cortex_cli.report import PlannedAction, PlannedEdge
from cortex_cli.ui.action_story import ActionStory, Attempt, Wait, WaitCause
from cortex_cli.ui.excerpt import excerpt
from cortex_cli.ui.rows import Row
from cortex_cli.ui.run_view import RunView
from cortex_cli.ui.view import fold


class RunStory:
    """A run as its events tell it; `view` is the same run as displays see it."""

    def __init__(self) -> None:
        self.view = RunView()
        self.inputs: dict[str, Any] = {}
        self.warnings: list[tuple[str, str]] = []
        self._actions: dict[int, ActionStory] = {}
        self._freed: tuple[int, ActionStory] | None = None
        self._writing: dict[tuple[str, ...], float] = {}

    def __iter__(self) -> Iterator[ActionStory]:
        """All actions, as a tree: each followed by those of its nested run or its items."""
        return (self._actions[row.number] for row in self.view.in_order())

    def of(self, row: Row) -> ActionStory:
        """The story of the action of a row; a new one begins where there is none."""
        action = self._actions.get(row.number)
        if action is None:
            action = self._actions[row.number] = ActionStory(row=row)
            above = _row_above(row)
            if above is not None:
                action.parent = self.of(above)
                action.parent.children.append(action)
        return action

    def sources(self, action: ActionStory) -> Iterator[ActionStory]:
        """The actions that an action comes after, as far as they are known."""
        return (self.of(row) for row in action.row.sources())

    def take(self, event: ev.Event) -> None:
        """Take one event in, in time that doesn't grow with the run."""
        fold(self.view, event)
        match event:
            case ev.PlanGenerated(data=data):
                if not data.complete:
                    self._writing[event.path] = self.view.latest
                self._plan(event, data.report.actions, data.report.edges)
            case ev.PlanExtended(data=data) | ev.PlanPatched(data=data):
                self._plan(event, data.actions, data.edges)
                self._note_written(event.path, data.actions)
            case ev.AgentStarted(data=data) if not event.path:
                self.inputs = data.inputs
            case ev.LlmToken(data=data):
                self._note_model(event, data.model)
            case ev.WarningRaised(data=data):
                label = "/".join((*event.path, *filter(None, [event.action_id])))
                self.warnings.append((label, data.message))
            case ev.ActionEvent():
                self._advance(self._known(event.path, event.action_id), event)
            case _:
                pass

    def _note_model(self, event: ev.LlmToken, model: str) -> None:
        """A model speaks: in an action, or in the run that an llm action is."""
        if event.action_id:
            self._known(event.path, event.action_id).model = model
        elif event.path:
            asking = self._known(event.path[:-1], event.path[-1])
            if asking.row.type is ActionType.LLM:
                asking.model = model

    def _plan(
        self, event: ev.Event, actions: Iterable[PlannedAction], edges: Iterable[PlannedEdge]
    ) -> None:
        scope = self.view.scope(event.path)
        for action in actions:
            self.of(scope.rows[action.id])
        for edge in edges:
            if edge.target in scope.rows:
                self.of(scope.rows[edge.target]).after.setdefault(edge.source, edge.kind)

    def _note_written(self, path: tuple[str, ...], actions: Iterable[PlannedAction]) -> None:
        """Actions have joined a plan that a model has been writing, since when is known."""
        began = self._writing.get(path)
        if began is None:
            return
        wait = Wait(cause=WaitCause.PLANNING, start=began, end=self.view.latest)
        for action in actions:
            self.of(self.view.scope(path).rows[action.id]).waits.append(wait)

    def _known(self, path: tuple[str, ...], action_id: str) -> ActionStory:
        scope = self.view.scope(path)
        row = scope.rows.get(action_id) or self.view.add(scope, action_id, action_id)
        return self.of(row)

    def _advance(self, action: ActionStory, event: ev.ActionEvent) -> None:
        at = self.view.latest
        if not isinstance(event, ev.Progress):
            self._note_ready(action, at)
        match event:
            case ev.ActionQueued(data=data):
                action.queued = event.sequence
                action.wait_for(WaitCause(data.reason.value), at)
            case ev.ApprovalRequested() | ev.ApprovalGiven():
                self._ask(action, event)
            case ev.ActionStarted(data=data):
                self._start(action, event.sequence, data)
            case ev.ActionRetrying(data=data):
                action.end_attempt(at, data.error, data.error_type)
                self._free(action, event.sequence)
            case (
                ev.ActionCompleted() | ev.ActionFailed() | ev.ActionSkipped() | ev.ActionCancelled()
            ):
                self._end(action, event)
            case _:
                pass

    def _ask(self, action: ActionStory, event: ev.ApprovalRequested | ev.ApprovalGiven) -> None:
        at = self.view.latest
        if isinstance(event, ev.ApprovalGiven):
            action.stop_waiting(at)
            return
        action.wait_for(WaitCause.APPROVAL, at)
        if event.data.error:
            action.end_attempt(at, event.data.error, event.data.error_type or None)
            self._free(action, event.sequence)

    def _note_ready(self, action: ActionStory, at: float) -> None:
        """The first that is heard of an action since it was planned: it is ready, or over."""
        if action.ready_at is not None:
            return
        ended = [source for source in self.sources(action) if source.ended]
        last = max(ended, key=lambda source: source.ended, default=None)
        planned = action.row.planned_at
        action.released_by = last
        action.ready_at = min(at, max(planned, (last and last.row.ended_at) or planned))
        if action.ready_at > planned:
            wait = Wait(cause=WaitCause.DEPENDENCY, start=planned, end=action.ready_at)
            action.waits.append(wait)

    def _start(self, action: ActionStory, sequence: int, data: ev.ActionStartedData) -> None:
        at = self.view.latest
        is_slot = action.waiting is not None and action.waiting[0] is WaitCause.SLOT
        if is_slot and self._freed is not None and self._freed[0] > action.queued:
            action.freed_by = self._freed[1]
        action.stop_waiting(at)
        action.end_attempt(at)
        action.started = action.started or sequence
        action.attempts.append(Attempt(number=data.attempt, start=at, target=data.target))
        if data.parameters:
            action.parameters = excerpt(data.parameters)

    def _end(self, action: ActionStory, event: ev.ActionEnded) -> None:
        at = self.view.latest
        action.stop_waiting(at)
        match event:
            case ev.ActionCompleted(data=data):
                action.output, action.usage = excerpt(data.output), data.usage
                action.end_attempt(at)
            case ev.ActionFailed(data=data):
                action.end_attempt(at, data.error, data.error_type)
            case _:
                action.end_attempt(at)
        action.ended = event.sequence
        if action.has_run:
            self._free(action, event.sequence)

    def _free(self, action: ActionStory, sequence: int) -> None:
        if action.holds_slot:
            self._freed = (sequence, action)


def tell(events: Iterable[ev.Event]) -> RunStory:
    """The story of a run from its events, finished or not."""
    story = RunStory()
    for event in events:
        story.take(event)
    now = story.view.latest
    for action in story:
        if not action.is_over:
            action.stop_waiting(now)
            action.until = now
    return story


def _row_above(row: Row) -> Row | None:
    """The action that a row is shown beneath: that of its list, or that of its nested run."""
    if row.id.endswith("]"):
        of_list = row.scope.rows.get(row.id.rpartition("[")[0])
        if of_list is not None:
            return of_list
    return row.scope.parent

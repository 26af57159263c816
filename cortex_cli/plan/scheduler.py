"""The scheduler: facts in, commands out; no clock, no waiting, no I/O.

One scheduler serves a whole run. Each plan, of the run itself or of a nested one, is a group of
actions; more groups and more actions may join at any time. All groups share the slots; a group
may have a cap of its own. The executor and the simulator drive the same object, so that a plan
is what a run does. Over a run it takes O((V + E) log V).

What an action waits for and what becomes of it follows PROTOCOL 2.3 to 2.5, who goes first
PROTOCOL 6: the higher priority, then the longer remaining path, then declaration order.
"""

from collections.abc import Iterable, Mapping, Sequence

from cortex_cli.kinds import CancelReason, EdgeKind, OnFailure, QueueReason, SkipReason
from cortex_cli.plan.budgets import Budgets
from cortex_cli.plan.commands import Cancel, Command, Skip
from cortex_cli.plan.flow import Flow
from cortex_cli.plan.limits import Limit
from cortex_cli.plan.ready_queue import ReadyQueue
from cortex_cli.plan.states import QUEUING, WINDING_DOWN, Group, Item, Node, Outcome, Phase
from cortex_cli.plan.turns import Turns
from cortex_cli.protocol.resources import Resource

# Looking up a member of an enumeration takes as long as a call, before Python 3.12.
_WAITING, _READY, _ENDED = Phase.WAITING, Phase.READY, Phase.ENDED
_OK = Outcome.OK
_DATA, _BARRIER = EdgeKind.DATA, EdgeKind.BARRIER


class Scheduler:
    """Decides what starts, what is skipped and what is cancelled.

    Actions and groups are known by the numbers given out by `open` and `extend`, in order from
    0. Every fact appends to the commands that `take` hands out; the caller performs them in order.
    """

    def __init__(self, slots: int) -> None:
        """`slots`: how many leaf actions may run at once, at least 1."""
        self._nodes: list[Node] = []
        self._groups: list[Group] = []
        self._limits: list[Limit] = []
        self._unanswered: list[Node] = []
        self._queue = ReadyQueue(self._nodes, slots)
        self.budgets = Budgets(self._nodes, self._groups, self._queue)
        self.turns = Turns(self._groups, self._queue, self.budgets)
        self._flow = Flow(self._nodes, self._queue, self.budgets)

    def take(self) -> list[Command]:
        """The commands that have come up since the last call, in order; none is given twice."""
        flow, budgets = self._flow, self.budgets
        (budgets if budgets.purses else self._queue).dispatch(flow.commands)
        commands = flow.commands
        if commands:
            flow.commands = []
        return commands

    def open(
        self,
        *,
        parent: int | None = None,
        cap: int | None = None,
        fail_fast: bool = False,
        shared: Mapping[str, Resource] | None = None,
    ) -> int:
        """Add an empty group, nested in the action `parent`; it stays open until `seal`.

        `shared`: pools and rates for its actions and those nested in them, by name; beside those
        of the same name around it, as `cap` is beside the slots.
        """
        above = None if parent is None else self._nodes[parent]
        group = Group(len(self._groups), above, fail_fast=fail_fast)
        self._groups.append(group)
        if cap is not None:
            group.caps = (self._limit(float(cap)), *group.caps)
        for name, resource in (shared or {}).items():
            group.add_limit(name, self._limit(resource, QueueReason.POOL))
        if above is not None:
            above.nested = (*above.nested, group)
        return group.number

    def follow(self, before: int) -> int:
        """Add an empty group for a further iteration of the same loop; see `open`.

        What limits it is what limits the group before, with what of that is taken or used.
        """
        group = self._groups[before].next(len(self._groups))
        self._groups.append(group)
        if group.parent is not None:
            group.parent.nested = (*group.parent.nested, group)
        return group.number

    def resize(self, slots: int) -> None:
        """Have so many slots from now on; what runs in one too many goes on."""
        self._queue.resize(slots)

    def extend(self, group: int, items: Sequence[Item]) -> range:
        """Add actions to an open group; their waits may name any action of the scheduler."""
        home = self._groups[group]
        first = len(self._nodes)
        fresh = [Node.of(number, home, item) for number, item in enumerate(items, first)]
        self._nodes += fresh
        home.nodes += fresh
        for node, item in zip(fresh, items, strict=True):
            self._flow.connect(node, item.waits)
            if node.phase is not _WAITING:
                continue
            if node.is_background:
                self._flow.background_left += 1
            else:
                home.unfinished += 1
        for node in fresh:
            # What came before it here may have decided it already.
            reason = self._flow.decide(node) if node.phase is _WAITING else None
            if reason is not None:
                self._flow.skip(node, reason)
        self._note_failures(
            home, [n for n, i in zip(fresh, items, strict=True) if i.ended is Outcome.BLOCKED]
        )
        return range(first, len(self._nodes))

    def seal(self, group: int) -> None:
        """Say that no more actions join the group, so that it can close."""
        home = self._groups[group]
        home.is_open = False
        self._flow.close_if_done(home)

    def reopen(self, group: int) -> bool:
        """Let more actions join a group that was sealed; False if it is closed, or is ending."""
        home = self._groups[group]
        if home.is_closed or home.is_ending:
            return False
        home.is_open = True
        return True

    def completed(self, action: int, *, not_chosen: Iterable[int] = ()) -> None:
        """An action has ended well; a decision names the actions it has not chosen."""
        node = self._nodes[action]
        self._queue.leave(node)
        if not_chosen:
            self._skip_unchosen(not_chosen)
        self._flow.end(node, _OK)

    def failed(self, action: int, *, not_chosen: Iterable[int] = ()) -> None:
        """An action has used up its attempts, or could not be decided; see `completed`."""
        node = self._nodes[action]
        self._queue.leave(node)
        if node.traits.on_failure is OnFailure.CONTINUE or node.is_background:
            self._skip_unchosen(not_chosen)
            self._flow.end(node, Outcome.OK)
            return
        node.phase = Phase.ENDED
        group = node.group
        group.has_failed = True
        if node.traits.on_failure is OnFailure.ABORT or group.fail_fast:
            self._abort(group, SkipReason.ABORTED, CancelReason.ABORTED)
        self._flow.end(node, Outcome.BLOCKED)

    def cancelled(self, action: int) -> None:
        """An action that was to be cancelled has ended."""
        node = self._nodes[action]
        self._queue.leave(node)
        self._flow.end(node, Outcome.BLOCKED)

    def backing_off(self, action: int) -> None:
        """An attempt has failed and another follows later; the slot is free until then."""
        node = self._nodes[action]
        self._queue.leave(node)
        node.phase = Phase.BACKING_OFF
        if node.group.ending is not None and node.cancelling is None:
            node.cancelling = node.group.ending
            self._flow.commands.append(Cancel(action, node.cancelling))

    def retry_due(self, action: int) -> None:
        """The wait before the next attempt is over."""
        node = self._nodes[action]
        if node.phase is Phase.BACKING_OFF:
            self._flow.enqueue(node)

    def restored(self, limit: int, units: float) -> None:
        """The time of some units of a rate is over."""
        self._limits[limit].free += units
        self._queue.unpark(self._limits[limit])

    def approved(self, action: int) -> None:
        """A person lets the action run."""
        node = self._nodes[action]
        if node.phase is Phase.ASKING:
            node.needs_approval = False
            self._flow.enqueue(node)

    def unanswered(self, action: int) -> None:
        """There is nobody to ask: the action waits on, unless nothing waits for it."""
        node = self._nodes[action]
        if node.phase is not Phase.ASKING:
            return
        if node.is_detached:
            self._flow.skip(node, SkipReason.PAUSED)
        else:
            node.phase = Phase.UNANSWERED
            self._unanswered.append(node)

    @property
    def is_short(self) -> bool:
        """Whether actions wait for a slot."""
        return self._queue.is_short

    @property
    def is_stuck(self) -> bool:
        """Whether all that is left waits, directly or not, for an answer that nobody gives."""
        if not self._queue.is_idle:
            return False
        if all(node.phase is not Phase.UNANSWERED for node in self._unanswered):
            return False
        return not any(group.is_open for group in self._groups) and not any(
            node.is_lively for node in self._nodes if not node.is_detached
        )

    def passed(self, action: int) -> None:
        """The action's condition is true."""
        node = self._nodes[action]
        if node.phase is Phase.CHECKING:
            self._flow.enqueue(node)

    def refused(self, action: int) -> None:
        """The action's condition is false."""
        node = self._nodes[action]
        if node.phase is Phase.CHECKING:
            self._flow.skip(node, SkipReason.CONDITION_FALSE)

    def abort(self, group: int, skip: SkipReason, cancel: CancelReason) -> None:
        """End everything in a group, and in what is nested in it: skip what waits, cancel the rest.

        The group takes no more actions.
        """
        home = self._groups[group]
        self._abort(home, skip, cancel)
        self._flow.close_if_done(home)

    def wind_down(self, group: int, skip: SkipReason) -> None:
        """Let what runs in a group go on to its end, and skip all that has not begun."""
        home = self._groups[group]
        self._abort(home, skip, None)
        self._flow.close_if_done(home)

    def cancel_background(self, reason: CancelReason) -> None:
        """Cancel what still runs though nothing waits for it, and skip what has not begun."""
        skipped: list[Node] = []
        for node in self._nodes:
            if node.is_background:
                self._stop(node, SkipReason.CANCELLED, reason, skipped)
                for group in node.nested:
                    self._abort(group, SkipReason.CANCELLED, reason)
        for node in skipped:
            self._flow.end(node, Outcome.of(SkipReason.CANCELLED))

    def stopping(self, action: int) -> CancelReason | None:
        """Why a running action is to end, where its `Cancel` is still to be performed."""
        return self._nodes[action].cancelling

    def may_wait(self, action: int) -> bool:
        """Whether the action may wait for a person: its plan goes on, and is waited for itself."""
        node = self._nodes[action]
        return not (node.is_detached or node.group.is_ending)

    def is_checking(self, action: int) -> bool:
        """Whether the action's condition is still to be decided."""
        return self._nodes[action].phase is Phase.CHECKING

    def has_failed(self, group: int) -> bool:
        """Whether an action of the group failed with `on_failure` `fail` or `abort`."""
        return self._groups[group].has_failed

    def is_open(self, group: int) -> bool:
        """Whether more actions may join the group."""
        return self._groups[group].is_open

    def is_over_budget(self, group: int) -> bool:
        """Whether nothing more is begun in a group, because a budget is exhausted."""
        return self._groups[group].ending is CancelReason.BUDGET_EXHAUSTED

    @property
    def background_left(self) -> int:
        """How many actions that nothing waits for have not ended."""
        return self._flow.background_left

    def _note_failures(self, group: Group, failed: Sequence[Node]) -> None:
        """Actions that had failed before they joined mean for the group what failures mean."""
        if failed:
            group.has_failed = True
            if group.fail_fast or any(node.traits.on_failure is OnFailure.ABORT for node in failed):
                self._abort(group, SkipReason.ABORTED, CancelReason.ABORTED)

    def _limit(self, resource: Resource, reason: QueueReason = QueueReason.SLOT) -> Limit:
        limit = Limit.of(len(self._limits), resource, reason)
        self._limits.append(limit)
        return limit

    def _skip_unchosen(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            node = self._nodes[number]
            if node.phase is Phase.WAITING:
                self._flow.skip(node, SkipReason.NOT_CHOSEN)

    def _abort(self, group: Group, skip: SkipReason, cancel: CancelReason | None) -> None:
        skipped: list[Node] = []
        pending = [group]
        while pending:
            current = pending.pop()
            current.is_open = False
            if cancel is None:
                current.ending = WINDING_DOWN.get(skip, CancelReason.CANCELLED)
            current.is_ending = True
            self.turns.withdraw(current.number)
            for node in current.nodes:
                self._stop(node, skip, cancel, skipped)
                pending.extend(node.nested)
            self._flow.close_if_done(current)
        # All have their reason before any end is made known, which would give its own.
        for node in skipped:
            self._flow.end(node, Outcome.of(skip))

    def _stop(
        self, node: Node, skip: SkipReason, cancel: CancelReason | None, skipped: list[Node]
    ) -> None:
        """Cancel an action that has started; add one that has not to those to be skipped.

        Without a reason to cancel what runs goes on; what waits to be tried again does not.
        """
        if cancel is None:
            if node.phase is Phase.RUNNING:
                return
            cancel = node.group.ending or CancelReason.CANCELLED
        if node.phase is Phase.ENDED or node.cancelling is not None:
            return
        if node.has_started:
            if node.phase in QUEUING:
                node.phase = Phase.BACKING_OFF
            node.cancelling = cancel
            self._flow.commands.append(Cancel(node.number, cancel))
        else:
            node.phase = Phase.ENDED
            self._flow.commands.append(Skip(node.number, skip))
            skipped.append(node)

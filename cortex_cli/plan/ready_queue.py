"""Which of the ready actions run: slots, what else runs out, and who goes first."""

from heapq import heappop, heappush

from cortex_cli.kinds import QueueReason
from cortex_cli.plan.commands import Command, Queue, Restore, Start
from cortex_cli.plan.limits import Key, Limit
from cortex_cli.plan.states import Node, Phase

BACKGROUND_SLOTS = 16

# Looking up a member of an enumeration takes as long as a call, before Python 3.12.
_READY, _RUNNING = Phase.READY, Phase.RUNNING
_SLOT = QueueReason.SLOT


class ReadyQueue:
    """The leaf actions that are ready, and the slots and units that they wait for.

    Never leaves a slot idle while an action is ready that may take it. Fire-and-forget actions,
    and what is nested in them, hold none of the slots; they have 16 of their own.
    """

    def __init__(self, nodes: list[Node], slots: int) -> None:
        """`nodes` is the scheduler's list, by number; it grows as actions join."""
        self._nodes = nodes
        self._slots = self._free = slots
        self._free_background = BACKGROUND_SLOTS
        self._ready: list[Key] = []
        self._background: list[Key] = []
        self._unsaid: list[Node] = []

    @property
    def is_idle(self) -> bool:
        """Whether no action holds a slot."""
        return self._free >= self._slots

    @property
    def is_short(self) -> bool:
        """Whether actions are ready for which there is no slot."""
        return self._free <= 0 and bool(self._ready)

    def resize(self, slots: int) -> None:
        """Have so many slots from now on; what runs in one too many goes on."""
        self._free += slots - self._slots
        self._slots = slots

    def add(self, node: Node) -> None:
        """Take in an action that has just become ready."""
        heappush(self._background if node.is_detached else self._ready, node.key)
        node.waits_for = None
        self._unsaid.append(node)

    def leave(self, node: Node) -> None:
        """Give back what an action holds, if it holds anything."""
        if node.phase is not _RUNNING or not node.is_leaf:
            return
        if node.is_detached:
            self._free_background += 1
        else:
            self._free += 1
        for limit, units in node.claims:
            if limit.seconds is None:
                limit.free += units
                self.unpark(limit)

    def unpark(self, limit: Limit) -> None:
        """Let those go on for whom there is enough now."""
        for key in limit.unpark(self._is_waiting):
            self._return(self._nodes[key[2]])

    def dispatch(self, commands: list[Command]) -> None:
        """Start what may run now; what is ready and may not is told what it waits for."""
        while self._free > 0 and self._ready:
            self._free -= self._start(self._nodes[heappop(self._ready)[2]], commands)
        while self._free_background and self._background:
            node = self._nodes[heappop(self._background)[2]]
            self._free_background -= self._start(node, commands)
        if self._unsaid:
            self._say(commands)

    def _return(self, node: Node) -> None:
        heappush(self._background if node.is_detached else self._ready, node.key)

    def _is_waiting(self, number: int) -> bool:
        return self._nodes[number].phase is _READY

    def _start(self, node: Node, commands: list[Command]) -> bool:
        """Start an action, unless it waits no longer or must wait for something else."""
        if node.phase is not _READY:
            self._pass_on(node)
            return False
        if node.claims and not self._claim(node):
            return False
        node.phase = _RUNNING
        node.has_started = True
        commands.append(Start(node.number))
        if node.claims:
            commands += [
                Restore(limit.number, units, limit.seconds)
                for limit, units in node.claims
                if limit.seconds is not None
            ]
        return True

    def _claim(self, node: Node) -> bool:
        """Take what the action needs, or set it aside where the first of that is lacking."""
        for limit, units in node.claims:
            if not limit.has(units):
                limit.park(node.key, units)
                if node.waits_for not in {None, limit.reason}:
                    self._unsaid.append(node)
                node.waits_for = limit.reason
                self._pass_on(node)
                return False
        for limit, units in node.claims:
            limit.free -= units
        return True

    def _pass_on(self, node: Node) -> None:
        # It may have been let go on by a limit whose units it does not take: others may.
        for limit, _ in node.claims:
            self.unpark(limit)

    def _say(self, commands: list[Command]) -> None:
        for node in self._unsaid:
            if node.phase is _READY:
                node.waits_for = node.waits_for or _SLOT
                commands.append(Queue(node.number, node.waits_for))
        self._unsaid.clear()

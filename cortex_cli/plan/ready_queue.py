"""Which of the ready actions run: slots, what else runs out, and who goes first."""

from heapq import heappop, heappush

from cortex_cli.kinds import QueueReason
from cortex_cli.plan.commands import Command, Defer, Queue, Restore, Start, Write
from cortex_cli.plan.limits import Key, Limit
from cortex_cli.plan.states import Node, Phase
from cortex_cli.plan.turn import Turn, is_turn

BACKGROUND_SLOTS = 16

# Looking up a member of an enumeration takes as long as a call, before Python 3.12.
_READY, _RUNNING = Phase.READY, Phase.RUNNING
_SLOT = QueueReason.SLOT


class ReadyQueue:
    """The leaf actions that are ready, and the slots and units that they wait for.

    Never leaves a slot idle while an action is ready that may take it. Fire-and-forget actions,
    and what is nested in them, hold none of the slots; they have 16 of their own. Neither do the
    turns of models that write plans; for units they wait among the actions, by the same order.
    `turns` are those that wait or are at work, by number.
    """

    def __init__(self, nodes: list[Node], slots: int) -> None:
        """`nodes` is the scheduler's list, by number; it grows as actions join."""
        self._nodes = nodes
        self._slots = self._free = slots
        self._free_background = BACKGROUND_SLOTS
        self._ready: list[Key] = []
        self._background: list[Key] = []
        self._unsaid: list[Node | Turn] = []
        self.turns: dict[int, Turn] = {}
        self._asking: list[Key] = []

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
        if node.claims:
            self._give_back(node)

    def ask(self, turn: Turn) -> None:
        """Take in a turn that is to begin, one of `turns`."""
        heappush(self._asking, turn.key)
        self._unsaid.append(turn)

    def drop(self, turn: Turn, *, give_back: bool) -> None:
        """Take out a turn that has ended; it gives back what it holds, if it holds anything."""
        del self.turns[turn.number]
        if give_back:
            self._give_back(turn)
        else:
            self._pass_on(turn)

    def unpark(self, limit: Limit) -> None:
        """Let those go on for whom there is enough now."""
        for key in limit.unpark(self.is_waiting):
            if is_turn(key[2]):
                heappush(self._asking, key)
            else:
                self._return(self._nodes[key[2]])

    def dispatch(self, commands: list[Command]) -> None:
        """Start what may run now; what is ready and may not is told what it waits for."""
        if self._asking:
            self._begin_turns(commands)
        while self._free > 0 and self._ready:
            self._free -= self._start(self._nodes[heappop(self._ready)[2]], commands)
        while self._free_background and self._background:
            node = self._nodes[heappop(self._background)[2]]
            self._free_background -= self._start(node, commands)
        if self._asking:
            # What has to wait itself has let them go on.
            self.dispatch(commands)
        elif self._unsaid:
            self._say(commands)

    def is_waiting(self, number: int) -> bool:
        """Whether an action, or a turn, is ready and has not begun."""
        if is_turn(number):
            return number in self.turns and self.turns[number].phase is _READY
        return self._nodes[number].phase is _READY

    def _begin_turns(self, commands: list[Command]) -> None:
        """Begin the turns that have what they take, each after the actions that go before it."""
        while self._asking:
            key = heappop(self._asking)
            while self._free > 0 and self._ready and self._ready[0] < key:
                self._free -= self._start(self._nodes[heappop(self._ready)[2]], commands)
            if self.is_waiting(key[2]):
                self._begin(self.turns[key[2]], commands)

    def _begin(self, turn: Turn, commands: list[Command]) -> None:
        if self._claim(turn):
            turn.phase = _RUNNING
            commands.append(Write(turn.group.number))
            self._lend(turn, commands)

    def _return(self, node: Node) -> None:
        heappush(self._background if node.is_detached else self._ready, node.key)

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
            self._lend(node, commands)
        return True

    def _lend(self, node: Node | Turn, commands: list[Command]) -> None:
        """Have come back by themselves, in time, the units of rates that were taken."""
        commands += [
            Restore(limit.number, units, limit.seconds)
            for limit, units in node.claims
            if limit.seconds is not None
        ]

    def _give_back(self, node: Node | Turn) -> None:
        for limit, units in node.claims:
            if limit.seconds is None:
                limit.free += units
                self.unpark(limit)

    def _claim(self, node: Node | Turn) -> bool:
        """Take what is needed, or set it aside where the first of that is lacking."""
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

    def _pass_on(self, node: Node | Turn) -> None:
        # It may have been let go on by a limit whose units it does not take: others may.
        for limit, _ in node.claims:
            self.unpark(limit)

    def _say(self, commands: list[Command]) -> None:
        for node in self._unsaid:
            if node.phase is not _READY:
                continue
            node.waits_for = node.waits_for or _SLOT
            if isinstance(node, Turn):
                commands.append(Defer(node.group.number, node.waits_for))
            else:
                commands.append(Queue(node.number, node.waits_for))
        self._unsaid.clear()

"""Which of the ready actions run: slots, the caps of groups, and who goes first."""

from heapq import heappop, heappush

from cortex_cli.plan.commands import Command, Queue, Start
from cortex_cli.plan.states import Group, Node, Phase

BACKGROUND_SLOTS = 16

# Looking up a member of an enumeration takes as long as a call, before Python 3.12.
_READY, _RUNNING = Phase.READY, Phase.RUNNING


class ReadyQueue:
    """The leaf actions that are ready, and the slots they wait for.

    Never leaves a slot idle while an action is ready that may take it. Fire-and-forget actions,
    and what is nested in them, hold none of the slots; they have 16 of their own.
    """

    def __init__(self, nodes: list[Node], slots: int) -> None:
        """`nodes` is the scheduler's list, by number; it grows as actions join."""
        self._nodes = nodes
        self._free = slots
        self._free_background = BACKGROUND_SLOTS
        self._ready: list[tuple[float, float, int]] = []
        self._background: list[int] = []
        self._fresh: list[Node] = []

    def add(self, node: Node) -> None:
        """Take in an action that has just become ready."""
        if node.is_detached:
            heappush(self._background, node.number)
        else:
            heappush(self._ready, node.key)
        self._fresh.append(node)

    def leave(self, node: Node) -> None:
        """Give back what an action holds, if it holds anything."""
        if node.phase is not _RUNNING or not node.is_leaf:
            return
        if node.is_detached:
            self._free_background += 1
            return
        self._free += 1
        for group in node.group.capped:
            group.running -= 1
            self._unpark(group)

    def dispatch(self, commands: list[Command]) -> None:
        """Start what may run now; what has become ready and may not is told to wait."""
        while self._free and self._ready:
            node = self._nodes[heappop(self._ready)[2]]
            if node.phase is not _READY:
                # It may have been taken from the parked: its place goes to the next of them.
                self._unpark_all(node)
            elif not node.group.capped or not self._park(node):
                self._free -= 1
                for group in node.group.capped:
                    group.running += 1
                _start(node, commands)
        while self._free_background and self._background:
            node = self._nodes[heappop(self._background)]
            if node.phase is _READY:
                self._free_background -= 1
                _start(node, commands)
        if self._fresh:
            commands += [Queue(node.number) for node in self._fresh if node.phase is _READY]
            self._fresh.clear()

    def _park(self, node: Node) -> bool:
        """Set a ready action aside while a group that it is in is at its cap."""
        for group in node.group.capped:
            if group.is_full:
                heappush(group.parked, node.key)
                # It may have been taken from the parked of a wider group, whose place is still
                # free.
                self._unpark_all(node)
                return True
        return False

    def _unpark_all(self, node: Node) -> None:
        for group in node.group.capped:
            if not group.is_full:
                self._unpark(group)

    def _unpark(self, group: Group) -> None:
        while group.parked:
            key = heappop(group.parked)
            if self._nodes[key[2]].phase is _READY:
                heappush(self._ready, key)
                return


def _start(node: Node, commands: list[Command]) -> None:
    node.phase = _RUNNING
    node.has_started = True
    commands.append(Start(node.number))

"""How the ends of actions travel along the edges of plans: what goes on, and what is skipped."""

from collections.abc import Iterable

from cortex_cli.kinds import ActionType, EdgeKind, SkipReason
from cortex_cli.plan.budgets import Budgets
from cortex_cli.plan.commands import Ask, Check, Close, Command, Skip, Start
from cortex_cli.plan.ready_queue import ReadyQueue
from cortex_cli.plan.states import Group, Node, Outcome, Phase

# Looking up a member of an enumeration takes as long as a call, before Python 3.12.
_WAITING, _ENDED = Phase.WAITING, Phase.ENDED
_OK = Outcome.OK
_DEPENDS_ON, _DATA, _BARRIER = EdgeKind.DEPENDS_ON, EdgeKind.DATA, EdgeKind.BARRIER


class Flow:
    """What becomes of the actions of a scheduler as those before them end.

    `commands` are what has come up, in order; `background_left` is how many actions that nothing
    waits for have not ended.
    """

    def __init__(self, nodes: list[Node], queue: ReadyQueue, budgets: Budgets) -> None:
        """`nodes` is the scheduler's list, by number; it grows as actions join."""
        self.commands: list[Command] = []
        self.background_left = 0
        self._nodes = nodes
        self._queue = queue
        self._budgets = budgets

    def connect(self, node: Node, waits: Iterable[tuple[int, EdgeKind]]) -> None:
        """Have an action that joins wait for others, by number and kind of the edge."""
        nodes, has_soft = self._nodes, not node.wait_for_all
        for source, kind in waits:
            parent = nodes[source]
            soft = has_soft and kind is _DEPENDS_ON
            if parent.phase is _ENDED:
                node.count(parent.outcome, kind, soft=soft)
            elif soft:
                node.open_soft += 1
                parent.others.append((node, kind, soft))
            else:
                node.open_hard += 1
                if kind is _BARRIER:
                    parent.others.append((node, kind, soft))
                else:
                    parent.children.append(node)

    def decide(self, node: Node) -> SkipReason | None:
        """Let a waiting action go on if it is decidable; the reason if it is to be skipped."""
        if node.open_hard or (node.open_soft and not node.is_decided_early()):
            return None
        reason = node.verdict()
        if reason is None:
            if node.traits.has_condition:
                node.phase = Phase.CHECKING
                self.commands.append(Check(node.number))
            else:
                self.enqueue(node)
        return reason

    def enqueue(self, node: Node) -> None:
        """Nothing holds the action back any more but what it may have to be asked for, or take."""
        if node.needs_approval:
            node.phase = Phase.ASKING
            self.commands.append(Ask(node.number))
        elif not node.is_leaf:
            node.phase = Phase.RUNNING
            node.has_started = True
            self.commands.append(Start(node.number))
        elif node.group.purses and node.traits.type is ActionType.LLM:
            self._budgets.ask_price(node)
        else:
            node.phase = Phase.READY
            self._queue.add(node)

    def skip(self, node: Node, reason: SkipReason) -> None:
        """The action ends without having started."""
        self.commands.append(Skip(node.number, reason))
        self.end(node, Outcome.of(reason))

    def end(self, node: Node, outcome: Outcome) -> None:
        """The action has ended: let go on, or skip, those that wait for it, and so on."""
        # Iterative: a chain of 100,000 skips must not recurse.
        pending = [(node, outcome)]
        while pending:
            ended, how = pending.pop()
            ended.phase = _ENDED
            ended.outcome = how
            for child in ended.children:
                if child.phase is not _WAITING:
                    continue
                child.open_hard -= 1
                if how is _OK:
                    child.ok += 1
                else:
                    child.count(how, _DATA, soft=False)
                if not child.open_hard:
                    self._go_on(child, pending)
            if ended.others:
                self._tell_others(ended, how, pending)
            ended.children, ended.others = [], []
            group = ended.group
            group.unfinished -= not ended.is_background
            self.background_left -= ended.is_background
            if not group.unfinished:
                self.close_if_done(group)

    def close_if_done(self, group: Group) -> None:
        """Close a group to which nothing is added any more, and in which nothing is left."""
        if not group.unfinished and not group.is_open and not group.is_closed:
            group.is_closed = True
            self.commands.append(Close(group.number))

    def _tell_others(self, ended: Node, how: Outcome, pending: list[tuple[Node, Outcome]]) -> None:
        for child, kind, soft in ended.others:
            if child.phase is _WAITING:
                child.release(how, kind, soft=soft)
                self._go_on(child, pending)

    def _go_on(self, node: Node, pending: list[tuple[Node, Outcome]]) -> None:
        """Let a waiting action go on if it is decidable; one that is skipped by that is pending."""
        reason = self.decide(node)
        if reason is not None:
            self.commands.append(Skip(node.number, reason))
            node.phase = _ENDED
            pending.append((node, Outcome.of(reason)))

"""What everyone is given to do: plans of actions that suspend, and how long each one takes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

Waits = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Actions by number, in order of declaration; an action waits only for lower numbers.

    `seconds[i]` is how long action `i` takes; 0 means that it suspends once and goes on. At most
    `slots` of them may run at once. `rounds` is how often each contestant runs it. `smaller` names
    a workload of the same form with so many times fewer actions: who would take too long for
    this one, to judge by that, is not asked to do it.
    """

    name: str
    title: str
    waits: Waits
    seconds: tuple[float, ...]
    slots: int = 8
    rounds: int = 3
    smaller: str | None = None
    times_smaller: int = 10

    def __len__(self) -> int:
        """How many actions there are."""
        return len(self.waits)

    @property
    def is_timed(self) -> bool:
        """Whether its actions take time, so that its makespan says something."""
        return any(self.seconds)

    @property
    def depth(self) -> int:
        """How many actions the longest chain has."""
        return max(_longest(self.waits, [1.0] * len(self)), default=0).__ceil__()

    @property
    def lower_bound(self) -> float:
        """Seconds that no schedule can beat: the longest chain, or all work shared by the slots."""
        longest = max(_longest(self.waits, self.seconds), default=0.0)
        return max(longest, sum(self.seconds) / self.slots)

    def sinks(self) -> list[int]:
        """The actions that nothing waits for."""
        awaited = {number for waits in self.waits for number in waits}
        return [number for number in range(len(self)) if number not in awaited]

    def children(self) -> list[list[int]]:
        """For each action the numbers of those that wait for it."""
        children: list[list[int]] = [[] for _ in self.waits]
        for number, waits in enumerate(self.waits):
            for parent in waits:
                children[parent].append(number)
        return children


def _longest(waits: Waits, seconds: Sequence[float]) -> list[float]:
    ends: list[float] = []
    for number, parents in enumerate(waits):
        start = max((ends[parent] for parent in parents), default=0.0)
        ends.append(start + seconds[number])
    return ends


def wide(size: int) -> Waits:
    """Actions that wait for nothing."""
    return ((),) * size


def chain(size: int, first: int = 0) -> Waits:
    """Each waits for the one before; the numbers begin at `first`."""
    return ((), *((number,) for number in range(first, first + size - 1)))[:size]


def layered(layers: int, width: int) -> Waits:
    """Each waits for two of the layer before: the one of its own place and the next."""
    return tuple(_above(layer, place, width) for layer in range(layers) for place in range(width))


def _above(layer: int, place: int, width: int) -> tuple[int, ...]:
    if not layer:
        return ()
    base = (layer - 1) * width
    return tuple(sorted({base + place, base + (place + 1) % width}))


def idle(name: str, title: str, waits: Waits, rounds: int = 1) -> Workload:
    """Actions that suspend once."""
    seconds = (0.0,) * len(waits)
    return Workload(name=name, title=title, waits=waits, seconds=seconds, rounds=rounds)


def skewed(scale: float = 1.0) -> Workload:
    """200 actions of 13 ms, then one chain of 20 actions of 50 ms, on four slots."""
    waits = (*wide(200), *chain(20, first=200))
    seconds = (0.013 * scale,) * 200 + (0.05 * scale,) * 20
    title = "200 short actions, then one long chain"
    return Workload(name="skewed", title=title, waits=waits, seconds=seconds, slots=4)


# manifests/research_assistant.yaml: what each action waits for, and its timeout in seconds. Its
# report is a barrier, which the edges below spell out.
_RESEARCH: tuple[tuple[tuple[int, ...], int], ...] = (
    ((), 30),
    ((), 30),
    ((), 20),
    ((0,), 15),
    ((1,), 60),
    ((2, 3, 4), 120),
    ((5,), 10),
    ((5,), 20),
    ((5,), 15),
    ((6, 7, 8), 10),
)


def research(milliseconds: float = 10.0) -> Workload:
    """The ten actions of the research assistant, a second of their timeouts made shorter."""
    return Workload(
        name="research",
        title=f"research_assistant, 1 s as {milliseconds:g} ms",
        waits=tuple(waits for waits, _ in _RESEARCH),
        seconds=tuple(seconds * milliseconds / 1000 for _, seconds in _RESEARCH),
        slots=4,
    )


_FULL: dict[str, Callable[[], Workload]] = {
    "wide": lambda: idle("wide", "1,000 wide", wide(1_000), rounds=5),
    "chain": lambda: idle("chain", "chain of 500", chain(500), rounds=5),
    "layered": lambda: idle("layered", "20 by 50 layered", layered(20, 50), rounds=5),
    "layered-10k": lambda: replace(
        idle("layered-10k", "10,000 layered", layered(100, 100), rounds=3), smaller="layered"
    ),
    "layered-100k": lambda: replace(
        idle("layered-100k", "100,000 layered", layered(100, 1_000)), smaller="layered-10k"
    ),
    "skewed": skewed,
    "research": research,
}
_QUICK: dict[str, Callable[[], Workload]] = {
    "wide": lambda: replace(_FULL["wide"](), rounds=1),
    "layered": lambda: replace(_FULL["layered"](), rounds=1),
    "skewed": lambda: replace(skewed(0.5), rounds=1),
    "research": lambda: replace(research(1.0), rounds=1),
}


def names(*, quick: bool = False) -> list[str]:
    """What there is to do, smaller things first; `quick`: without the large ones."""
    return list(_QUICK if quick else _FULL)


def workload(name: str, *, quick: bool = False) -> Workload:
    """The workload of that name; `quick`: run once, in shorter times. KeyError if unknown."""
    return (_QUICK if quick else _FULL)[name]()


def warm_up() -> Workload:
    """Ten actions, run once before anything is measured, so that first uses are behind."""
    return idle("warm-up", "warm-up", layered(2, 5))

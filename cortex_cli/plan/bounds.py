"""Lower bounds: how quick no schedule can be, whatever its order."""

from collections.abc import Iterator, Mapping, Sequence
from math import ceil, inf

from cortex_cli.kinds import ActionMode
from cortex_cli.plan.critical_path import Timing
from cortex_cli.plan.graph import Graph
from cortex_cli.plan.jobs import Jobs
from cortex_cli.plan.shares import units_taken
from cortex_cli.plan.simulate import Schedule
from cortex_cli.protocol.resources import Rate, Resource

TOLERANCE = 1e-9
"""Times that differ by less than this part of themselves are one: sums of floats are rounded."""

Span = tuple[float, float, float]
"""Of a job in a slot: latest start, head and duration in seconds."""

_RAISES = 2
_THINNING = 4


def reaches(seconds: float, bound: float) -> bool:
    """Whether a schedule of that length is as short as a bound allows."""
    return seconds <= bound * (1 + TOLERANCE)


def simple_bound(jobs: Jobs, timing: Timing) -> float:
    """The longer of the critical path and the work in slots, shared out evenly; in seconds.

    `timing` is that of what is expected to run.
    """
    return max(timing.length, _rounded(jobs.work() / jobs.slots, jobs))


def interval_bound(jobs: Jobs, timing: Timing, bound: float) -> float:
    """A bound in seconds that is at least the one given, after Fernandez and Bussell (1973).

    Were the plan done within the bound, each job would have to start between its head and its
    latest start. If some interval then holds more work than the slots can do, the excess, shared
    out evenly, comes on top; this is done at most twice. O(V log² V).

    Only for jobs that are exact; `timing` is that of what is expected to run.
    """
    counted = [job for job, seconds in enumerate(jobs.durations) if seconds and jobs.in_slot[job]]
    for _ in range(_RAISES):
        spans = sorted(
            (bound - timing.tails[job], timing.heads[job], jobs.durations[job]) for job in counted
        )
        excess = _worst_excess(spans, jobs.slots)
        if excess <= bound * TOLERANCE:
            break
        bound = _rounded(bound + excess / jobs.slots, jobs)
    return bound


def shared_bound(
    graph: Graph,
    durations: Sequence[float],
    schedule: Schedule,
    shared: Mapping[str, Resource],
) -> float:
    """The seconds below which no pool and no rate lets a plan end; 0 where nothing is shared.

    What a pool is taken for, over its units; for a rate the whole stretches that the starts fill,
    since the last of them can't come before. `schedule` says what is expected to run.
    """
    taken: dict[str, float] = dict.fromkeys(shared, 0.0)
    for number, action in enumerate(graph.actions):
        is_counted = schedule.ran[number] and action.mode is not ActionMode.FIRE_AND_FORGET
        if not is_counted or not action.holds_slot:
            continue
        for name, units in units_taken(action, shared).items():
            is_rate = isinstance(shared[name], Rate)
            taken[name] += units if is_rate else units * durations[number]
    return max((_least(shared[name], amount) for name, amount in taken.items()), default=0.0)


def _least(resource: Resource, taken: float) -> float:
    if isinstance(resource, Rate):
        return max(0, ceil(taken / resource.units * (1 - TOLERANCE)) - 1) * resource.seconds
    return taken / resource


def _worst_excess(spans: Sequence[Span], slots: int) -> float:
    """How many seconds of work do not fit into some interval; 0 if all fit into all.

    An interval begins at a head or at a latest start. Trying all takes O(V² log V), so some are
    tried, the fewer the later, and then nearer and nearer ones on both sides of the worst.
    """
    starts = sorted({latest for latest, _, _ in spans} | {head for _, head, _ in spans})

    def tried(place: int) -> tuple[float, int]:
        return _excess(spans, slots, starts[place]), place

    worst = max(map(tried, _thinning(len(starts))), default=(0.0, 0))
    step = worst[1] // _THINNING
    while step > 1:
        step = ceil(step / 2)
        near = (worst[1] - step, worst[1] + step)
        worst = max(worst, *(tried(place) for place in near if 0 <= place < len(starts)))
    return worst[0]


def _thinning(size: int) -> Iterator[int]:
    """Numbers below `size` from 0, the further apart the greater they are."""
    place = 0
    while place < size:
        yield place
        place += max(1, place // _THINNING)


def _excess(spans: Sequence[Span], slots: int, start: float) -> float:
    """The worst over all intervals that begin at `start`."""
    # Begun as early as can be, what of a job lies after `start`? As late as can be, when is that?
    late = [span for span in spans if span[1] + span[2] > start]
    begins = [max(start, latest) for latest, _, _ in late]
    ends = sorted(
        [
            begin + (seconds if head >= start else head + seconds - start)
            for begin, (_, head, seconds) in zip(begins, late, strict=True)
        ]
    )
    begins.append(inf)
    # Invariant: up to `end` the work less the slots is `rate` * `end` + `shift`.
    shift = slots * start
    rate, begun, worst = -slots, 0, 0.0
    for end in ends:
        while (begin := begins[begun]) < end:
            shift -= begin
            rate += 1
            begun += 1
        worst = max(worst, rate * end + shift)
        shift += end
        rate -= 1
    return worst


def _rounded(seconds: float, jobs: Jobs) -> float:
    """A bound, up to the next whole second where all durations are whole: so is every schedule."""
    if all(float(duration).is_integer() for duration in jobs.durations):
        return float(ceil(seconds * (1 - TOLERANCE)))
    return seconds

"""What runs, and may surprise: a `sync` that costs time, an output that is lost."""

from collections.abc import Iterator, Mapping, Sequence
from heapq import nlargest

from cortex_cli.errors import Finding
from cortex_cli.kinds import EdgeKind, Severity
from cortex_cli.plan.describe import Outlook
from cortex_cli.plan.estimate import Learned
from cortex_cli.plan.feeds import name_of, names_in
from cortex_cli.plan.graph import Graph
from cortex_cli.plan.provided import Path
from cortex_cli.plan.references import find
from cortex_cli.plan.search import makespan
from cortex_cli.plan.simulate import simulate
from cortex_cli.plan.what_if import without_barrier
from cortex_cli.protocol.action import Action
from cortex_cli.protocol.plan import OutputDeclaration

_TRIED = 8
_TRIED_FOR = 16_000
_WORTH = 0.001


def on_barriers(outlook: Outlook, places: Sequence[Path], chosen: Sequence[int]) -> list[Finding]:
    """Which of the `chosen` sync actions keep others waiting that could run beside them.

    Eight are tried, those that take longest, fewer in plans of more than 2,000 actions. `places`
    has the path of each action.
    """
    tried = min(_TRIED, _TRIED_FOR // max(1, len(outlook.graph)))
    seconds = [known.seconds for known in outlook.estimates]
    longest = nlargest(tried, chosen, key=seconds.__getitem__)
    return [
        finding
        for number in sorted(longest)
        for finding in _on_barrier(outlook, seconds, number, places[number])
    ]


def _on_barrier(
    outlook: Outlook, seconds: Sequence[float], number: int, place: Path
) -> Iterator[Finding]:
    graph = without_barrier(outlook.graph, number)
    free = simulate(graph, seconds, outlook.tails, outlook.slots, outlook.shared)
    total = outlook.scheduled_seconds
    saved = total - makespan(graph, free)
    end = free.ends[number]
    beside = sum(
        start < end <= outlook.schedule.starts[other] for other, start in enumerate(free.starts)
    )
    if beside and saved > total * _WORTH:
        what = "1 action" if beside == 1 else f"{beside} actions"
        message = (
            f"'{graph.actions[number].id}' is sync, and {what} could run beside it: by estimates"
            f" the plan would take {total - saved:.3g} s instead of {total:.3g} s"
        )
        hint = "leave 'mode' out if they need not wait for it"
        yield _note("costly_sync", message, hint, (*place, "mode"))


def on_outputs(
    graph: Graph, places: Sequence[Path], outputs: Mapping[str, OutputDeclaration]
) -> Iterator[Finding]:
    """Which outputs have a name, but nothing refers to them; not if all are given back anyway."""
    if not outputs:
        return
    given = {
        name_of(reference.root, reference.path)
        for output in outputs.values()
        for _, reference in find(output.source)
    }
    for number, action in enumerate(graph.actions):
        key = action.output_key
        if key is None or {key, f"steps.{action.id}"} & given or _is_used(graph, number, action):
            continue
        message = (
            f"nothing refers to '{key}', the output of '{action.id}', and no output declares it"
        )
        hint = "leave 'output_key' out, or declare it under 'outputs'"
        yield _note("unused_output", message, hint, (*places[number], "output_key"))


def _is_used(graph: Graph, number: int, action: Action) -> bool:
    for child in graph.children[number]:
        if graph.parents[child][number] is EdgeKind.DATA:
            return True
        # An explicit dependency hides that there is a reference too.
        if {action.output_key, f"steps.{action.id}"} & set(names_in(graph.actions[child])):
            return True
    return False


def on_timeouts(
    actions: Sequence[Action], places: Sequence[Path], past: Mapping[str, Learned]
) -> Iterator[Finding]:
    """Which actions have less time than they took in half of their past runs."""
    for number, action in enumerate(actions):
        known, limit = past.get(action.id), action.timeout
        if known is None or limit is None:
            continue
        # What runs have shown is how long all attempts took.
        if limit * action.retry.max_attempts < known.p50:
            runs = (
                "its one past run" if known.count == 1 else f"half of its {known.count} past runs"
            )
            message = (
                f"'{action.id}' may take {limit:g} s, but {runs} took {known.p50:.3g} s or longer"
            )
            hint = "give it a larger 'timeout_seconds'"
            yield _note("short_timeout", message, hint, (*places[number], "timeout_seconds"))


def _note(code: str, message: str, hint: str, path: Path) -> Finding:
    return Finding(severity=Severity.NOTE, code=code, message=message, hint=hint, path=path)

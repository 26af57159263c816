"""Plans to draw: the well-known example, and plans of any size and shape."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cortex_cli.kinds import ActionMode, ActionType, EdgeKind
from cortex_cli.report import PlanCounts, PlanEstimate, PlannedAction, PlannedEdge, PlanReport


@dataclass(frozen=True, kw_only=True)
class Step:
    """An action and what it waits for, in the order of the plan."""

    id: str
    after: Mapping[str, EdgeKind] | Sequence[str] = ()
    seconds: float = 10.0
    name: str | None = None
    type: ActionType = ActionType.TOOL
    mode: ActionMode = ActionMode.ASYNC
    target: str | None = "work"
    source: str = "estimate_seconds"


def plan(*steps: Step, agent: str = "test", slots: int = 4) -> PlanReport:
    """The report of a plan in which everything starts as soon as it can; parents come first."""
    after = {step.id: _edges(step) for step in steps}
    ends: dict[str, float] = {}
    waves: dict[str, int] = {}
    for step in steps:
        parents = after[step.id]
        ends[step.id] = max((ends[parent] for parent in parents), default=0.0) + step.seconds
        waves[step.id] = max((waves[parent] for parent in parents), default=0) + 1
    tails = _tails(steps, after)
    counted = [step for step in steps if step.mode is not ActionMode.FIRE_AND_FORGET]
    length = max((ends[step.id] for step in counted), default=0.0)
    path = _critical_path(counted, after, ends, length)
    total = sum(step.seconds for step in steps)
    return PlanReport(
        agent=agent,
        actions=tuple(
            PlannedAction(
                id=step.id,
                name=step.name or step.id,
                type=step.type,
                mode=step.mode,
                target=step.target,
                wave=waves[step.id],
                estimate_seconds=step.seconds,
                estimate_source=step.source,
                start_seconds=ends[step.id] - step.seconds,
                end_seconds=ends[step.id],
                slack_seconds=length - ends[step.id] + step.seconds - tails[step.id],
                on_critical_path=step.id in path,
            )
            for step in steps
        ),
        edges=tuple(
            PlannedEdge(source=parent, target=step.id, kind=kind)
            for step in steps
            for parent, kind in after[step.id].items()
        ),
        waves=tuple(
            tuple(step.id for step in steps if waves[step.id] == wave)
            for wave in sorted(set(waves.values()))
        ),
        counts=PlanCounts(
            by_type=dict(Counter(step.type.value for step in steps)),
            by_mode=dict(Counter(step.mode.value for step in steps)),
        ),
        estimate=PlanEstimate(
            sequential_seconds=total,
            wave_seconds=length,
            scheduled_seconds=length,
            lower_bound_seconds=length,
            speedup=total / length if length else 1.0,
            max_parallel=slots,
        ),
        critical_path=tuple(path),
    )


def _edges(step: Step) -> dict[str, EdgeKind]:
    if isinstance(step.after, Mapping):
        return dict(step.after)
    return dict.fromkeys(step.after, EdgeKind.DEPENDS_ON)


def _tails(steps: Sequence[Step], after: Mapping[str, Mapping[str, EdgeKind]]) -> dict[str, float]:
    tails = {step.id: 0.0 for step in steps}
    for step in reversed(steps):
        if step.mode is not ActionMode.FIRE_AND_FORGET:
            tails[step.id] += step.seconds
        for parent in after[step.id]:
            tails[parent] = max(tails[parent], tails[step.id])
    return tails


def _critical_path(
    counted: Sequence[Step],
    after: Mapping[str, Mapping[str, EdgeKind]],
    ends: Mapping[str, float],
    length: float,
) -> list[str]:
    last = next((step.id for step in counted if ends[step.id] == length), None)
    path: list[str] = []
    while last is not None:
        path.insert(0, last)
        last = max(after[last], key=lambda parent: ends[parent], default=None)
    return path


def research_assistant() -> PlanReport:
    """Ten actions in five waves, 330 s of work done in 240 s."""
    data, depends_on, barrier = EdgeKind.DATA, EdgeKind.DEPENDS_ON, EdgeKind.BARRIER
    fetch = "timeout_seconds"
    return plan(
        Step(id="fetch_wikipedia", seconds=30, target="fetch_page", source=fetch),
        Step(id="fetch_arxiv", seconds=30, target="fetch_page", source=fetch),
        Step(id="fetch_news", seconds=20, target="fetch_page", source=fetch),
        Step(
            id="extract_facts",
            after={"fetch_wikipedia": data, "fetch_arxiv": data},
            seconds=60,
            target="extract_facts",
        ),
        Step(
            id="summarize_news",
            after={"fetch_news": data},
            seconds=30,
            type=ActionType.LLM,
            target="default",
        ),
        Step(
            id="synthesize",
            after={"extract_facts": data, "summarize_news": depends_on},
            seconds=90,
            type=ActionType.AGENT,
            mode=ActionMode.SYNC,
            target="writer",
            source="plan",
        ),
        Step(
            id="cache_results",
            after={"synthesize": barrier},
            seconds=5,
            type=ActionType.RELIC,
            mode=ActionMode.FIRE_AND_FORGET,
            target="results",
        ),
        Step(id="check_quality", after={"synthesize": data}, seconds=30, target="check_quality"),
        Step(id="format_citations", after={"synthesize": data}, seconds=5, target="citations"),
        Step(
            id="finalize",
            after={"check_quality": depends_on, "format_citations": data},
            seconds=30,
            mode=ActionMode.SYNC,
            target="write_report",
        ),
        agent="research_assistant",
    )


def chain(length: int) -> PlanReport:
    """One action after another."""
    return plan(
        *(Step(id=f"step_{n}", after=[f"step_{n - 1}"] if n else []) for n in range(length))
    )


def layered(layers: int, width: int) -> PlanReport:
    """Layers of equal width; each action waits for two of the layer before."""
    return plan(
        *(
            Step(
                id=f"a{layer}_{place}",
                after=[f"a{layer - 1}_{parent}" for parent in sorted({place, (place + 1) % width})]
                if layer
                else [],
                seconds=float(1 + (layer * 7 + place * 13) % 29),
            )
            for layer in range(layers)
            for place in range(width)
        ),
        slots=16,
    )

"""What models have read, written and cost: in all, by action, by model."""

from collections.abc import Iterable, Iterator, Mapping

from cortex_cli.events import Usage
from cortex_cli.kinds import ActionType
from cortex_cli.ui.action_story import ActionStory
from cortex_cli.ui.run_report import Spent, Used
from cortex_cli.ui.run_story import RunStory


def used(story: RunStory, total: Usage) -> Used | None:
    """None where nothing was used. `total` is what the run's last event says of it.

    An agent's own use is what its actions leave of it. What the actions leave of the total is the
    run's own, for instance its planning.
    """
    own = {action: _own(action) for action in story if action.usage is not None}
    total = _sum(own.values()) if _is_nothing(total) else total
    if _is_nothing(total):
        return None
    by_action = [
        Spent(name=action.label, usage=usage)
        for action, usage in own.items()
        if not _is_nothing(usage)
    ]
    rest = _less(total, _sum(own.values()))
    if not _is_nothing(rest):
        by_action.append(Spent(name="", usage=rest))
    return Used(
        total=total,
        by_action=tuple(sorted(by_action, key=_most_first)),
        by_model=tuple(sorted(_by_model(own), key=_most_first)),
    )


def tokens(usage: Usage) -> int:
    """Read and written together."""
    return usage.input_tokens + usage.output_tokens


def _is_nothing(usage: Usage) -> bool:
    return tokens(usage) == 0 and not usage.cost_usd


def _own(action: ActionStory) -> Usage:
    inner = _sum(child.usage for child in action.children if child.usage is not None)
    return _less(action.usage or Usage(), inner)


def _by_model(own: Mapping[ActionStory, Usage]) -> Iterator[Spent]:
    names: dict[str, list[Usage]] = {}
    for action, usage in own.items():
        target = action.row.target if action.row.type is ActionType.LLM else None
        if not _is_nothing(usage):
            names.setdefault(action.model or target or "", []).append(usage)
    return (Spent(name=name, usage=_sum(usages)) for name, usages in names.items())


def _most_first(spent: Spent) -> tuple[float, int, str]:
    return (-(spent.usage.cost_usd or 0.0), -tokens(spent.usage), spent.name)


def _sum(usages: Iterable[Usage]) -> Usage:
    usages = list(usages)
    costs = [usage.cost_usd for usage in usages if usage.cost_usd is not None]
    return Usage(
        input_tokens=sum(usage.input_tokens for usage in usages),
        output_tokens=sum(usage.output_tokens for usage in usages),
        cost_usd=sum(costs) if costs else None,
    )


def _less(usage: Usage, part: Usage) -> Usage:
    cost = usage.cost_usd
    if cost is not None:
        # Sums of floats: what is left after all parts may be a hair off nothing.
        cost = max(0.0, round(cost - (part.cost_usd or 0.0), 9))
    return Usage(
        input_tokens=max(0, usage.input_tokens - part.input_tokens),
        output_tokens=max(0, usage.output_tokens - part.output_tokens),
        cost_usd=cost,
    )

"""The tools and relics that the plans of a program call, or may call."""

from collections.abc import Iterator

from cortex_cli.errors import ManifestError
from cortex_cli.kinds import ActionType
from cortex_cli.manifest.program import Program, RelicTarget, Target, ToolTarget
from cortex_cli.plan.named_tools import named_tools, readings_of
from cortex_cli.protocol.action import Action

_CALLING = frozenset({ActionType.TOOL, ActionType.RELIC})


def within_reach(program: Program) -> Iterator[ToolTarget | RelicTarget]:
    """Those that its actions call, fallbacks too; if a model writes the plan, what it imports.

    None of those with errors, which are told elsewhere; some may come more than once.
    """
    if program.plan is None:
        yield from _imported(program)
        return
    for action in program.plan.actions:
        yield from called_by(program, action)


def called_by(program: Program, action: Action) -> Iterator[ToolTarget | RelicTarget]:
    """What an action of a program calls, fallbacks too, or what its model may call."""
    for readings in _readings(action):
        target = _first(program, readings)
        if isinstance(target, ToolTarget | RelicTarget):
            yield target


def _readings(action: Action) -> Iterator[list[tuple[ActionType, str]]]:
    """Of each name in an action what it may mean: the first that there is."""
    if action.type in _CALLING:
        for name in (action.target or "", *action.fallback):
            yield [(action.type, name)]
    for tool in named_tools(action):
        yield [(action_type, name) for action_type, name, _ in readings_of(tool)]


def _first(program: Program, readings: list[tuple[ActionType, str]]) -> Target | None:
    for action_type, name in readings:
        try:
            target = program.lookup(action_type, name)
        except ManifestError:
            return None
        if target is not None:
            return target
    return None


def _imported(program: Program) -> Iterator[ToolTarget | RelicTarget]:
    try:
        targets = list(program.targets())
    except ManifestError:
        return
    for target in targets:
        if isinstance(target, ToolTarget | RelicTarget):
            yield target

"""The tools and relics that the plans of a program call, or may call."""

from collections.abc import Iterator

from cortex_cli.errors import ManifestError
from cortex_cli.kinds import ActionType
from cortex_cli.manifest.program import Program, RelicTarget, ToolTarget
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
    """What an action of a program calls, fallbacks too."""
    if action.type not in _CALLING:
        return
    for name in (action.target or "", *action.fallback):
        try:
            target = program.lookup(action.type, name)
        except ManifestError:
            continue
        if isinstance(target, ToolTarget | RelicTarget):
            yield target


def _imported(program: Program) -> Iterator[ToolTarget | RelicTarget]:
    try:
        targets = list(program.targets())
    except ManifestError:
        return
    for target in targets:
        if isinstance(target, ToolTarget | RelicTarget):
            yield target

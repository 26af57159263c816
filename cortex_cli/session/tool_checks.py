"""What shows in a tool's manifest before any call, to the handler that would perform it."""

from collections.abc import Iterator

from cortex_cli.errors import Finding, ManifestError
from cortex_cli.kinds import ActionType
from cortex_cli.manifest.program import Program, ToolTarget
from cortex_cli.manifest.tool_models import CommandImplementation, HttpImplementation


def tools_of(program: Program) -> Iterator[ToolTarget]:
    """The tools that the actions of a program call, fallbacks too; not those with errors."""
    for action in program.plan.actions if program.plan else ():
        if action.type is ActionType.TOOL:
            for name in (action.target or "", *action.fallback):
                yield from _tool(program, name)


def _tool(program: Program, name: str) -> Iterator[ToolTarget]:
    try:
        target = program.lookup(ActionType.TOOL, name)
    except ManifestError:
        return
    if isinstance(target, ToolTarget):
        yield target


def check_tool(tool: ToolTarget) -> list[Finding]:
    """What is wrong with how a tool is to be performed."""
    match tool.manifest.implementation:
        case CommandImplementation():
            from cortex_cli.actions.command_check import check_command

            return check_command(tool.manifest)
        case HttpImplementation():
            from cortex_cli.actions.http_check import check_http

            return check_http(tool.manifest)
        case _:
            return []

"""What shows in a tool's manifest before any call, to the handler that would perform it."""

from collections.abc import Iterator

from cortex_cli.errors import Finding
from cortex_cli.kinds import ActionMode
from cortex_cli.manifest.program import Program, ToolTarget
from cortex_cli.manifest.tool_models import (
    CommandImplementation,
    HttpImplementation,
    McpImplementation,
    PythonImplementation,
    ScriptImplementation,
)
from cortex_cli.plan.ready_queue import BACKGROUND_SLOTS
from cortex_cli.session.within_reach import called_by, within_reach

_PROCESSES = (CommandImplementation, PythonImplementation, ScriptImplementation)


def tools_of(program: Program) -> Iterator[ToolTarget]:
    """The tools that a program calls, or may call; not those with errors."""
    return (target for target in within_reach(program) if isinstance(target, ToolTarget))


def processes_at_once(program: Program) -> int:
    """How many processes the tools of a program, and of all that it calls, run at most at once."""
    reached = list(program.reached())
    starting = [
        action
        for one in reached
        for action in one.actions
        if any(map(_is_process, called_by(one, action)))
    ]
    unplanned = any(any(map(_is_process, tools_of(one))) for one in reached if one.plan is None)
    background = sum(action.mode is ActionMode.FIRE_AND_FORGET for action in starting)
    most = program.protocol.slots + min(background, BACKGROUND_SLOTS)
    if unplanned:
        return program.protocol.slots + BACKGROUND_SLOTS
    # What is called may be called more than once, and an item list may have any length.
    is_counted = len(reached) == 1 and all(
        action.for_each is None and action.is_leaf for action in starting
    )
    return min(len(starting), most) if is_counted or not starting else most


def _is_process(target: object) -> bool:
    is_tool = isinstance(target, ToolTarget)
    return is_tool and isinstance(target.manifest.implementation, _PROCESSES)


def check_tool(tool: ToolTarget) -> list[Finding]:
    """What is wrong with how a tool is to be performed."""
    match tool.manifest.implementation:
        case CommandImplementation():
            from cortex_cli.actions.command_check import check_command

            return check_command(tool.manifest)
        case HttpImplementation():
            from cortex_cli.actions.http_check import check_http

            return check_http(tool.manifest)
        case McpImplementation():
            from cortex_cli.actions.mcp_check import check_mcp

            return check_mcp(tool.manifest)
        case _:
            return []

"""A tool or relic run by itself: a program with one action, whose inputs are its parameters."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cortex_cli.errors import Problem
from cortex_cli.ids import ACTION_ID, did_you_mean, slug
from cortex_cli.kinds import ActionType
from cortex_cli.manifest.calls import calls_of
from cortex_cli.manifest.document import Document
from cortex_cli.manifest.inputs import DeclaredInputs
from cortex_cli.manifest.locate import to_problems
from cortex_cli.manifest.operations import Operation, Parameter, relic_operations, tool_operation
from cortex_cli.manifest.parameters import ToolParameter, ValueDeclaration
from cortex_cli.manifest.program import Program, RelicTarget, Target, ToolTarget
from cortex_cli.manifest.wording import listed, quoted
from cortex_cli.protocol.action import Action
from cortex_cli.protocol.agent_loop import AgentLoopProtocol
from cortex_cli.protocol.plan import ExecutionPlan

_OPERATION = "operation"
_FEW = 12


def alone(
    target: ToolTarget | RelicTarget, document: Document, operation: str | None
) -> tuple[Program | None, tuple[Problem, ...]]:
    """The program that calls a tool, or an operation of a relic, with its inputs.

    `operation` is the parameter of that name of a tool. What declares no parameters is called
    without any. There is no program for a relic with several operations if none is chosen; for
    an operation that there is not, there is a problem instead.
    """
    called = _called(target, operation)
    if not isinstance(called, Operation):
        return None, () if called is None else (called,)
    known = dict(called.parameters or {})
    parameters: dict[str, Any] = {name: _reference(name) for name in known}
    if isinstance(target, ToolTarget) and operation is not None:
        parameters[_OPERATION] = operation
        del known[_OPERATION]
    name = target.manifest.name
    action_id = slug(name)
    action = Action(
        id=action_id if ACTION_ID.fullmatch(action_id) else "call",
        name=name,
        type=ActionType.TOOL if isinstance(target, ToolTarget) else ActionType.RELIC,
        target=name,
        operation=called.name if isinstance(target, RelicTarget) else None,
        parameters=parameters,
    )
    calls = calls_of(target.manifest)
    findings = () if calls is None else calls.findings(action)
    program = Program(
        name=name,
        kind=target.manifest.kind,
        file=target.file,
        folder=target.folder,
        version=target.manifest.version,
        manifest=target.manifest,
        document=document,
        protocol=AgentLoopProtocol(),
        plan=ExecutionPlan.of([action if calls is None else calls.adapted(action)]),
        goal=None,
        inputs=DeclaredInputs(
            {name: _declared(one) for name, one in known.items()}, none_hint=_none_hint(called)
        ),
        outputs={},
        variables={},
        actions_key="actions",
        scope=_Alone(action, target),
    )
    return program, to_problems(findings, document)


@dataclass(frozen=True, slots=True)
class _Alone:
    """The scope of the one action."""

    action: Action
    target: Target

    def lookup(self, action_type: ActionType, target: str) -> Target | None:
        is_it = (action_type, target) == (self.action.type, self.action.target)
        return self.target if is_it else None

    def targets(self) -> Iterator[Target]:
        return iter((self.target,))

    def called(self) -> Iterator[Program]:
        return iter(())


def _declared(parameter: Parameter) -> ValueDeclaration:
    if isinstance(parameter.declaration, ToolParameter):
        return parameter.declaration
    return parameter.declaration.model_copy(update={"required": parameter.is_required})


def _none_hint(called: Operation) -> str:
    """What to do to give parameters to what declares none: an action could give it any."""
    if called.parameters:
        return "it takes no others"
    who = f"{quoted(called.name)} declares no parameters"
    return f"{who}, so it is called without any; list them under 'parameters'"


def _reference(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'${{inputs["{escaped}"]}}'


def _called(target: ToolTarget | RelicTarget, operation: str | None) -> Operation | Problem | None:
    if isinstance(target, ToolTarget):
        whole = tool_operation(target.manifest)
        if operation is None or _OPERATION in (whole.parameters or {}):
            return whole
        message = f"the tool {quoted(whole.name)} has no operations"
        return Problem(code="unknown_operation", message=message, hint="leave --operation out")
    by_name = {one.name: one for one in relic_operations(target.manifest)}
    if operation is None:
        return next(iter(by_name.values())) if len(by_name) == 1 else None
    if operation in by_name:
        return by_name[operation]
    message = f"the relic {quoted(target.manifest.name)} has no operation {quoted(operation)}"
    hint = did_you_mean(operation, by_name) or f"it has {listed(list(by_name)[:_FEW], 'and')}"
    return Problem(code="unknown_operation", message=message, hint=hint)

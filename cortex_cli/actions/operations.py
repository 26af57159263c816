"""Which operation of a relic an action means, and whether its parameters fit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cortex_cli.errors import ActionError
from cortex_cli.ids import did_you_mean
from cortex_cli.manifest.parameters import TypeName, ValueDeclaration
from cortex_cli.protocol.action import Action

_NAMING_PARAMETERS = ("operation", "action")


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationParameter:
    """A parameter of an operation; `type` None: any JSON value, null among them."""

    type: TypeName | None = None
    required: bool = True
    default: Any = None

    @property
    def must_be_given(self) -> bool:
        """Whether there is no going without it."""
        return self.required and self.default is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """An operation of a relic; an `open` one takes parameters beyond those it declares."""

    name: str
    parameters: Mapping[str, OperationParameter] = field(
        default_factory=dict[str, OperationParameter]
    )
    open: bool = False

    @property
    def needs(self) -> set[str]:
        """The names of the parameters that must be given."""
        return {name for name, known in self.parameters.items() if known.must_be_given}


def choose_operation(
    action: Action, parameters: Mapping[str, Any], operations: Sequence[Operation]
) -> tuple[Operation, dict[str, Any]]:
    """The operation that an action means (MANIFESTS, Relic), and the parameters for it.

    That is its `operation`; else `parameters.operation` or `parameters.action`, which is taken
    out; else the one whose required parameters are all given. Of several the most specific wins:
    the one that requires most, then the one that knows most of what is given. The parameters are
    checked and have their defaults filled in; a null counts as not given where there is one.

    Raises ActionError (`operation` or `parameters`, not retryable).
    """
    given = dict(parameters)
    name: Any = action.operation
    for key in _NAMING_PARAMETERS:
        if name is None:
            name = given.pop(key, None)
    chosen = _best(given, operations) if name is None else _named(name, action, operations)
    return chosen, _accept(chosen, given)


def _named(name: object, action: Action, operations: Sequence[Operation]) -> Operation:
    by_name = {operation.name: operation for operation in operations}
    if isinstance(name, str) and name in by_name:
        return by_name[name]
    hint = did_you_mean(str(name), by_name) or f"it has {', '.join(by_name)}"
    message = f"'{action.target}' has no operation '{name}'"
    raise ActionError(message, error_type="operation", retryable=False, hint=hint)


def _best(given: Mapping[str, Any], operations: Sequence[Operation]) -> Operation:
    def rank(operation: Operation) -> tuple[int, int]:
        return len(operation.needs), len(operation.parameters.keys() & given.keys())

    possible = [operation for operation in operations if operation.needs <= given.keys()]
    possible.sort(key=rank, reverse=True)
    names = ", ".join(given) or "no parameters"
    if not possible:
        message = f"there is no operation for {names}"
    elif len(possible) > 1 and rank(possible[0]) == rank(possible[1]):
        message = f"'{possible[0].name}' and '{possible[1].name}' both fit {names}"
    else:
        return possible[0]
    hint = f"name the 'operation': {', '.join(operation.name for operation in operations)}"
    raise ActionError(message, error_type="operation", retryable=False, hint=hint)


def _accept(operation: Operation, given: Mapping[str, Any]) -> dict[str, Any]:
    accepted = dict(given)
    for name, known in operation.parameters.items():
        if known.default is not None and accepted.get(name) is None:
            accepted[name] = known.default
        elif known.must_be_given and name not in accepted:
            raise _refusal(operation, f"needs the parameter '{name}'")
    for name, value in accepted.items():
        if name in operation.parameters:
            _check_type(operation, name, value)
        elif not operation.open:
            hint = did_you_mean(name, operation.parameters)
            raise _refusal(operation, f"has no parameter '{name}'", hint)
    return accepted


def _check_type(operation: Operation, name: str, value: object) -> None:
    known = operation.parameters[name]
    if known.type is None or (value is None and not known.must_be_given):
        return
    misfit = ValueDeclaration(type=known.type).misfit(value)
    if misfit is not None:
        raise _refusal(operation, f"was given '{name}', which {misfit}")


def _refusal(operation: Operation, what: str, hint: str | None = None) -> ActionError:
    return ActionError(
        f"operation '{operation.name}' {what}", error_type="parameters", retryable=False, hint=hint
    )

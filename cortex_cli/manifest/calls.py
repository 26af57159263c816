"""Holding what an action gives its target against what the target takes, before anything runs.

A value with a reference in it is known only when the action runs, and is left alone here.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from cortex_cli.errors import Finding
from cortex_cli.ids import did_you_mean
from cortex_cli.manifest.operations import (
    Operation,
    best_operation,
    relic_operations,
    tool_operation,
)
from cortex_cli.manifest.relic_models import RelicManifest, RestInterface
from cortex_cli.manifest.schema import Manifest
from cortex_cli.manifest.tool_models import ToolManifest
from cortex_cli.manifest.wording import listed, quoted
from cortex_cli.plan import references
from cortex_cli.protocol.action import Action

_FEW = 12
_NAMING_PARAMETERS = ("operation", "action")


class Calls(Protocol):
    """What a tool or relic has to say about the actions that call it."""

    def findings(self, action: Action) -> Iterator[Finding]:
        """What is wrong with a call; paths start at the action."""
        ...

    def adapted(self, action: Action) -> Action:
        """The action with what the target's manifest adds to it."""
        ...


def calls_of(manifest: Manifest) -> Calls | None:
    """The calls of a tool or relic; None for agents and workflows, which take what they get."""
    match manifest:
        case ToolManifest():
            return ToolCalls(manifest)
        case RelicManifest():
            return RelicCalls(manifest)
        case _:
            return None


class ToolCalls:
    """The calls of a tool."""

    def __init__(self, manifest: ToolManifest) -> None:
        self._timeout = manifest.timeout
        self._effect = manifest.effect
        self._operation = tool_operation(manifest)
        self._called = f"tool {quoted(manifest.name)}"

    def findings(self, action: Action) -> Iterator[Finding]:
        """What is wrong with a call; paths start at the action."""
        given = action.parameters
        if action.operation is not None:
            given = {"operation": action.operation, **given}
        return _misfits(self._operation, given, self._called)

    def adapted(self, action: Action) -> Action:
        """The action with the smaller of both timeouts, and the tool's effect if it says none."""
        changes: dict[str, Any] = {}
        limit = action.timeout
        if self._timeout is not None and (limit is None or self._timeout < limit):
            changes["timeout_seconds"] = self._timeout
        if self._effect is not None and action.effect is None:
            changes["effect"] = self._effect
        return action.model_copy(update=changes) if changes else action


class RelicCalls:
    """The calls of a relic."""

    def __init__(self, manifest: RelicManifest) -> None:
        self._operations = {one.name: one for one in relic_operations(manifest)}
        self._called = f"relic {quoted(manifest.name)}"
        interface = manifest.interface
        is_service = isinstance(interface, RestInterface) and not interface.base_url
        self._is_nowhere = is_service and manifest.fallback is None

    def findings(self, action: Action) -> Iterator[Finding]:
        """What is wrong with a call; paths start at the action."""
        if self._is_nowhere:
            message = f"{self._called} says no 'base_url', so it cannot be called"
            hint = "give its interface one, or say fallback: embedded"
            yield Finding(code="no_base_url", message=message, hint=hint, path=("target",))
        given = dict(action.parameters)
        name: Any = action.operation
        place: tuple[str, ...] = ("operation",)
        for key in _NAMING_PARAMETERS:
            if name is None and key in given:
                name, place = given.pop(key), ("parameters", key)
        if name is None:
            yield from self._unnamed(given)
        elif not _has_reference(name):
            yield from self._named(name, place, given)

    def adapted(self, action: Action) -> Action:
        """The action as it is."""
        return action

    def _named(
        self, name: Any, place: tuple[str, ...], given: Mapping[str, Any]
    ) -> Iterator[Finding]:
        operation = self._operations.get(name) if isinstance(name, str) else None
        if operation is not None:
            yield from _misfits(operation, given, self._called_with(operation))
            return
        message = f"{self._called} has no operation {quoted(str(name))}"
        hint = did_you_mean(str(name), self._operations)
        if hint is None:
            hint = f"it has {listed(list(self._operations)[:_FEW], 'and')}"
        yield Finding(code="unknown_operation", message=message, hint=hint, path=place)

    def _unnamed(self, given: Mapping[str, Any]) -> Iterator[Finding]:
        best = best_operation(list(self._operations.values()), given)
        if isinstance(best, Operation):
            yield from _misfits(best, given, self._called_with(best))
            return
        message = f"no one operation of {self._called} {best}"
        hint = f"name the 'operation': {listed(list(self._operations)[:_FEW])}"
        yield Finding(code="no_operation", message=message, hint=hint, path=("parameters",))

    def _called_with(self, operation: Operation) -> str:
        return f"operation {quoted(operation.name)} of {self._called}"


def _misfits(operation: Operation, given: Mapping[str, Any], called: str) -> Iterator[Finding]:
    if operation.parameters is None:
        return
    for name, value in given.items():
        path = ("parameters", name)
        parameter = operation.parameters.get(name)
        if parameter is None:
            message = f"{called} has no parameter {quoted(name)}"
            hint = did_you_mean(name, operation.parameters)
            if hint is None and 0 < len(operation.parameters) <= _FEW:
                hint = f"it takes {listed(list(operation.parameters), 'and')}"
            yield Finding(code="unknown_parameter", message=message, hint=hint, path=path)
        elif not _has_reference(value):
            misfit = parameter.misfit(value)
            if misfit is not None:
                message = f"the parameter {quoted(name)} of {called} {misfit}"
                hint = parameter.meant(value)
                yield Finding(code="wrong_parameter", message=message, hint=hint, path=path)
    for name in sorted(operation.required - given.keys()):
        message = f"{called} needs the parameter {quoted(name)}"
        yield Finding(code="missing_parameter", message=message, path=("parameters",))


def _has_reference(value: Any) -> bool:
    if isinstance(value, str):
        return "$" in value
    return bool(references.find(value) or references.errors(value))

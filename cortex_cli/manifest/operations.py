"""What can be called of a tool or relic: its operations, and the parameters that each takes."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cortex_cli.ids import did_you_mean
from cortex_cli.manifest.parameters import TypeName, ValueDeclaration
from cortex_cli.manifest.relic_models import Endpoint, RelicManifest, RestInterface
from cortex_cli.manifest.tool_models import ToolManifest

_IN_PATH = re.compile(r"\{([^{}]+)\}")


class AnyValue(ValueDeclaration):
    """A value of any type, null among them."""

    def misfit(self, value: Any) -> str | None:
        """None, whatever the value is."""
        del value
        return None


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of an operation."""

    declaration: ValueDeclaration
    is_required: bool

    def misfit(self, value: Any) -> str | None:
        """What keeps a value from being allowed, or None; null is, where none need be given."""
        if value is None and not self.is_required:
            return None
        return self.declaration.misfit(value)

    def meant(self, value: Any) -> str | None:
        """The hint for a text that is none of those allowed, but like one of them."""
        allowed = [one for one in self.declaration.enum or () if isinstance(one, str)]
        return did_you_mean(value, allowed) if isinstance(value, str) else None


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation and its parameters; with None it takes any. `description` is for models."""

    name: str
    parameters: Mapping[str, Parameter] | None
    description: str = ""

    @property
    def required(self) -> frozenset[str]:
        """The names of the parameters that must be given."""
        known = self.parameters or {}
        return frozenset(name for name, one in known.items() if one.is_required)


def _typed(type_name: TypeName, description: str = "", *, is_required: bool = False) -> Parameter:
    return Parameter(ValueDeclaration(type=type_name, description=description), is_required)


_KEY = _typed("string", is_required=True)
_ANY = Parameter(AnyValue(), is_required=True)
_NONE_NEEDED = Parameter(AnyValue(), is_required=False)
_TTL = _typed("number", "Seconds until it is forgotten")
EMBEDDED = (
    Operation("set_value", {"key": _KEY, "value": _ANY, "ttl": _TTL}, "Keeps a value under a key."),
    Operation(
        "get_value",
        {"key": _KEY, "default": _NONE_NEEDED},
        "Gives the value of a key, or the default.",
    ),
    Operation("delete_value", {"key": _KEY}, "Forgets a key."),
    Operation(
        "list_keys",
        {"prefix": _typed("string"), "limit": _typed("integer")},
        "Lists the keys that begin with a prefix.",
    ),
)
"""The operations of the relic that is built in."""


def tool_operation(manifest: ToolManifest) -> Operation:
    """A tool as its one operation."""
    about = manifest.description or manifest.summary
    if manifest.parameters is None:
        return Operation(manifest.name, None, about)
    known = {one.name: Parameter(one, one.is_required) for one in manifest.parameters}
    return Operation(manifest.name, known, about)


def relic_operations(manifest: RelicManifest) -> tuple[Operation, ...]:
    """The operations of a relic, in the order of the file."""
    interface = manifest.interface
    if not isinstance(interface, RestInterface):
        return EMBEDDED
    return tuple(map(_endpoint_operation, interface.endpoints))


def best_operation(operations: Sequence[Operation], given: Collection[str]) -> Operation | str:
    """The operation meant by what is given, where none is named, or why there is none.

    Of those whose required parameters are all given the most specific: the one that requires
    most, then the one that knows most of what is given.
    """

    def rank(operation: Operation) -> tuple[int, int]:
        known = operation.parameters or {}
        return len(operation.required), sum(name in known for name in given)

    possible = [operation for operation in operations if operation.required <= set(given)]
    possible.sort(key=rank, reverse=True)
    what = f"the parameters {', '.join(given)}" if given else "no parameters"
    if not possible:
        return f"takes {what}"
    if len(possible) > 1 and rank(possible[0]) == rank(possible[1]):
        return f"is meant: '{possible[0].name}' and '{possible[1].name}' both take {what}"
    return possible[0]


def _endpoint_operation(endpoint: Endpoint) -> Operation:
    """An endpoint that declares no parameters, and has none in its path, takes any."""
    in_path = _IN_PATH.findall(endpoint.path)
    known = {name: Parameter(AnyValue(), is_required=True) for name in in_path}
    for name, declared in endpoint.parameters.items():
        has_default = "default" in declared.model_fields_set
        is_required = (declared.required or name in in_path) and not has_default
        known[name] = _typed(declared.type, declared.description, is_required=is_required)
    return Operation(endpoint.name, known or None, endpoint.description)

"""What an MCP server offers: its tools, as they are pinned and held against calls."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

import msgspec

from cortex_cli.engine.cache import digest
from cortex_cli.errors import ActionError

if TYPE_CHECKING:
    from mcp_types import Tool

_MOST_MISFITS = 5
_LONGEST = 300


class ServedTool(msgspec.Struct, frozen=True, kw_only=True):
    """A tool of a server: what a model or a person is told of it.

    `may_repeat`: the server says that calling it again with the same arguments changes nothing.
    """

    name: str
    description: str = ""
    input_schema: dict[str, Any] = msgspec.field(default_factory=dict[str, Any])
    output_schema: dict[str, Any] | None = None
    may_repeat: bool = False

    @property
    def digest(self) -> str:
        """The hash of its name, description and schemas."""
        told = [self.name, self.description, self.input_schema, self.output_schema]
        return f"sha256:{digest(told)}"


def served_tool(tool: "Tool") -> ServedTool:
    """A tool as the SDK lists it."""
    hints = tool.annotations
    return ServedTool(
        name=tool.name,
        description=tool.description or "",
        input_schema=tool.input_schema,
        output_schema=tool.output_schema,
        may_repeat=hints is not None and bool(hints.read_only_hint or hints.idempotent_hint),
    )


def check_arguments(offer: ServedTool, arguments: Mapping[str, Any]) -> None:
    """Raise ActionError (`parameters`, not retryable) unless the tool's schema allows these.

    A schema can only refer to itself: nothing is fetched.
    """
    misfits = list(_misfits(offer, arguments))
    if misfits:
        message = f"tool '{offer.name}': {'; '.join(misfits)}"
        raise ActionError(message, error_type="parameters", retryable=False)


def _misfits(offer: ServedTool, arguments: Mapping[str, Any]) -> Iterator[str]:
    from jsonschema import Draft202012Validator, SchemaError
    from jsonschema.validators import validator_for
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    schema = offer.input_schema
    kind = cast("Any", validator_for(schema, default=Draft202012Validator))
    try:
        kind.check_schema(schema)
        registry: Registry[Any] = Registry()
        errors = kind(schema, registry=registry).iter_errors(dict(arguments))
        for error, _ in zip(errors, range(_MOST_MISFITS), strict=False):
            place = error.json_path.removeprefix("$").removeprefix(".")
            where = f"parameter '{place}': " if place else ""
            yield f"{where}{error.message}"[:_LONGEST]
    except (SchemaError, Unresolvable, RecursionError) as error:
        reason = f"{error!s:.{_LONGEST}}".partition("\n")[0]
        message = f"the schema of tool '{offer.name}' cannot be followed: {reason}"
        raise ActionError(message, error_type="mcp", retryable=False) from error

"""Tools of type `mcp`: a tool of a server that others call at the same time."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from cortex_cli.actions.parameters import check_parameters
from cortex_cli.actions.process_output import KeptBytes
from cortex_cli.actions.tool_output import command_output, one_line
from cortex_cli.engine.ports import ActionCall, Reporter
from cortex_cli.errors import ActionError
from cortex_cli.kinds import Effect
from cortex_cli.manifest.tool_models import McpImplementation, ToolManifest

MOST_BYTES = 4 * 1024 * 1024
"""How much of an answer is kept."""

_REPEATABLE = frozenset({Effect.NONE, Effect.IDEMPOTENT})


class ServerAnswer(Protocol):
    """What a call gives: structured content or pieces, `others` being those that are no text."""

    @property
    def structured(self) -> Any:
        """The structured content; None where there is none."""
        ...

    @property
    def texts(self) -> Sequence[str]:
        """The pieces that are text, in order."""
        ...

    @property
    def others(self) -> Sequence[Mapping[str, Any]]:
        """The other pieces, in order."""
        ...

    @property
    def is_error(self) -> bool:
        """Whether the tool says that it has failed."""
        ...


class OfferedTool(Protocol):
    """A tool as its server describes it."""

    @property
    def may_repeat(self) -> bool:
        """Whether the server says that calling it again changes nothing."""
        ...


class ToolServer(Protocol):
    """A server, started when it is first asked for something."""

    async def offer(self, tool: str, report: Reporter, /) -> OfferedTool:
        """The tool of that name; ActionError if there is none that may be called."""
        ...

    async def call(
        self, tool: str, arguments: Mapping[str, Any], report: Reporter, /
    ) -> ServerAnswer:
        """Call it; ActionError, of type `server` where that has ended meanwhile."""
        ...


class McpTool:
    """A handler that calls a tool of a server: its structured content is the output, else its text.

    Text that is JSON is read as such; several pieces are joined by line ends. Where there are
    pieces of other kinds, the output is the list of all of them. An answer that says it is
    an error is a failure (`tool_error`), whose error is its text. When the server ends during a
    call (`server`), another attempt is made only of a tool that may be called again: by the
    action's or the tool's `effect`, or by what the server says of it.
    """

    def __init__(self, manifest: ToolManifest, server: ToolServer) -> None:
        """`server` is that of all tools of the session that name it."""
        implementation = manifest.implementation
        if not isinstance(implementation, McpImplementation):
            message = f"tool '{manifest.name}' is of type '{implementation.type}'"
            raise TypeError(message)
        self._manifest = manifest
        self._tool = implementation.tool
        self._server = server

    async def prepare(self, call: ActionCall) -> None:
        """Start the server, unless it runs, and see that it has the tool."""
        await self._server.offer(self._tool, call.report)

    async def run(self, call: ActionCall) -> Any:
        """Perform one attempt."""
        operation = call.action.operation
        chosen = {} if operation is None else {"operation": operation}
        arguments = check_parameters(self._manifest, {**chosen, **call.parameters})
        try:
            answer = await self._server.call(self._tool, call.revealed(arguments), call.report)
        except ActionError as error:
            if error.error_type == "server" and await self._may_repeat(call):
                error.retryable = True
            raise
        if answer.is_error:
            text = "\n".join(answer.texts) or f"tool '{self._tool}' failed without a reason"
            raise ActionError(one_line(text, call.masked), error_type="tool_error")
        return self._output(answer, call)

    async def _may_repeat(self, call: ActionCall) -> bool:
        effect = call.action.effect
        if effect is not None:
            return effect in _REPEATABLE
        return (await self._server.offer(self._tool, call.report)).may_repeat

    def _output(self, answer: ServerAnswer, call: ActionCall) -> Any:
        if answer.structured is not None:
            return self._within_bounds(answer.structured)
        if answer.others:
            texts = [{"type": "text", "text": text} for text in answer.texts]
            return self._within_bounds([*texts, *answer.others])
        kept = KeptBytes(MOST_BYTES, call.masker)
        kept.feed("\n".join(answer.texts).encode("utf-8", "surrogatepass"))
        return command_output(kept.value().decode("utf-8", "replace"))

    def _within_bounds(self, value: Any) -> Any:
        size = len(msgspec.json.encode(value))
        if size > MOST_BYTES:
            message = f"tool '{self._tool}' answered with {size:,} bytes of JSON"
            hint = f"at most {MOST_BYTES:,} are kept"
            raise ActionError(message, error_type="output", retryable=False, hint=hint)
        return value

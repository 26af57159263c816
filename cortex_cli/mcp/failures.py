"""What goes wrong with an MCP server, in the words of cortex."""

from typing import cast

from mcp import MCPError
from mcp_types import CONNECTION_CLOSED, INVALID_PARAMS, METHOD_NOT_FOUND
from pydantic import ValidationError

from cortex_cli.errors import ActionError, CortexError
from cortex_cli.mcp.endings import CONNECTION_FAILED, Ending

_LONGEST = 2_000


def cause_of(error: BaseException) -> BaseException:
    """The first of the errors that are grouped, or the error itself."""
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseException", error.exceptions[0])
    return error


def gone(name: str, ending: Ending, when: str) -> ActionError:
    """The error of a call whose server has ended."""
    said = f": {ending.last}" if ending.last else ""
    message = f"server '{name}' {ending.how} {when}".rstrip() + said
    return ActionError(message, error_type="server", retryable=False, hint=ending.more)


def start_error(
    name: str, error: BaseException | None, ending: Ending, seconds: float, *, is_lost: bool
) -> BaseException:
    """Why a server did not come up; what is a bug stays what it is.

    `is_lost`: it has gone by itself. The code of a closed connection does not tell that, as
    servers use it for errors of their own.
    """
    match error:
        case None:
            return gone(name, Ending(f"did not answer within {seconds:g} s", ending.last), "")
        case CortexError():
            return error
        case MCPError() if is_lost and error.error.code == CONNECTION_CLOSED:
            return gone(name, ending, "before it answered")
        case MCPError() | OSError() | ValidationError() | RuntimeError():
            message = f"server '{name}' cannot be used: {_reason(error)}"
            return ActionError(message, error_type="server", retryable=False)
        case _:
            return error


def call_error(tool: str, error: Exception) -> ActionError:
    """Why a call got no answer from a server that is alive."""
    if not isinstance(error, MCPError):
        # The SDK holds what comes back against the tool's own schema, and against the protocol.
        message = f"what tool '{tool}' answered does not fit: {_reason(error)}"
        return ActionError(message, error_type="output", retryable=False)
    match error.error.code:
        case code if code == INVALID_PARAMS:
            return ActionError(_reason(error), error_type="parameters", retryable=False)
        case code if code == METHOD_NOT_FOUND:
            return ActionError(_reason(error), error_type="not_found", retryable=False)
        case code if code == CONNECTION_FAILED:
            return ActionError(_reason(error), error_type="connection")
        case _:
            return ActionError(_reason(error), error_type="mcp")


def _reason(error: Exception) -> str:
    match error:
        case MCPError():
            text = error.error.message or f"the server answered with error {error.error.code}"
        case ValidationError():
            first = error.errors(include_url=False)[0]
            text = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        case _:
            text = str(error)
    return " ".join(text.split())[:_LONGEST]

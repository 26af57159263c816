"""The turns of a conversation and what may be called in it, in the words of pydantic-ai."""

from collections.abc import Iterator, Sequence

from pydantic_ai import messages as theirs
from pydantic_ai import tools as their_tools

from cortex_cli.engine.ports import Message
from cortex_cli.engine.tool_calls import ToolCall, ToolDefinition


def their_messages(messages: Sequence[Message]) -> Iterator[theirs.ModelMessage]:
    """The same conversation; what is said between two turns of the model is one message."""
    parts: list[theirs.ModelRequestPart] = []
    for message in messages:
        match message.role:
            case "system":
                parts.append(theirs.SystemPromptPart(message.content))
            case "assistant":
                if parts:
                    yield theirs.ModelRequest(parts=parts)
                parts = []
                yield theirs.ModelResponse(parts=list(_spoken(message)))
            case "tool":
                parts.append(_result(message))
            case _:
                parts.append(theirs.UserPromptPart(message.content))
    if parts:
        yield theirs.ModelRequest(parts=parts)


def their_tool(tool: ToolDefinition) -> their_tools.ToolDefinition:
    """The same tool; `strict` is left off, for which few schemas are fit."""
    return their_tools.ToolDefinition(
        name=tool.name,
        description=tool.description or None,
        parameters_json_schema=dict(tool.parameters) or {"type": "object", "properties": {}},
        strict=False,
    )


def our_call(part: theirs.ToolCallPart) -> ToolCall:
    """The same call, with its arguments as they were written."""
    written = part.args if isinstance(part.args, str) else part.args_as_json_str()
    return ToolCall(id=part.tool_call_id, name=part.tool_name, arguments=written or "{}")


def _spoken(message: Message) -> Iterator[theirs.ModelResponsePart]:
    if message.content or not message.calls:
        yield theirs.TextPart(message.content)
    for call in message.calls:
        yield theirs.ToolCallPart(call.name, call.arguments, tool_call_id=call.id)


def _result(message: Message) -> theirs.ToolReturnPart:
    call = message.answers
    assert call is not None, "a tool answers a call"
    outcome = "failed" if message.is_error else "success"
    return theirs.ToolReturnPart(call.name, message.content, tool_call_id=call.id, outcome=outcome)

"""An MCP server whose tools do what tools do: well, slowly, badly, and not at all.

Run as a script: over standard streams, or with a port over HTTP. `TRIALS_FILE` names a file to
which it adds a line when it starts, and when a call begins or is cancelled. `TRIALS_WORDING`
stands in the description of `add`.
"""

import os
import sys
from pathlib import Path
from typing import Any

import anyio
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp_types import CallToolResult, ContentBlock, ImageContent, TextContent, ToolAnnotations

server = MCPServer("trials")


def note(what: str) -> None:
    if name := os.environ.get("TRIALS_FILE"):
        with Path(name).open("a") as file:
            file.write(f"{what}\n")


@server.tool(description=os.environ.get("TRIALS_WORDING", "Add two numbers."))
async def add(a: int, b: int) -> int:
    return a + b


@server.tool(structured_output=False)
async def say(text: str) -> str:
    """Give a text back as it is."""
    return text


@server.tool(structured_output=False)
async def pieces() -> list[Any]:
    """A text and a picture."""
    return [
        TextContent(type="text", text="a dot"),
        ImageContent(type="image", data="AAAA", mime_type="image/png"),
    ]


@server.tool(structured_output=False)
async def many(lines: int) -> CallToolResult:
    """Several pieces of text."""
    return CallToolResult(content=[TextContent(type="text", text=str(n)) for n in range(lines)])


@server.tool()
async def slow(seconds: float) -> str:
    """Take some time."""
    note("slow begins")
    try:
        await anyio.sleep(seconds)
    except anyio.get_cancelled_exc_class():
        note("slow is cancelled")
        raise
    return "done"


@server.tool(structured_output=False)
async def fail(reason: str) -> CallToolResult:
    """Say that it has failed."""
    content: list[ContentBlock] = [
        TextContent(type="text", text=text) for text in reason.split("|")
    ]
    return CallToolResult(content=content, is_error=True)


async def _crash(code: int) -> str:
    sys.stderr.write("about to go\nthese are the last words\n")
    sys.stderr.flush()
    os._exit(code)


@server.tool()
async def crash(code: int) -> str:
    """End the process."""
    return await _crash(code)


@server.tool(annotations=ToolAnnotations(idempotent_hint=True))
async def crash_harmlessly(code: int) -> str:
    """End the process, and say that it may be tried again."""
    return await _crash(code)


@server.tool()
async def count(to: int, ctx: Context[Any]) -> int:
    """Count, and say so."""
    for number in range(1, to + 1):
        await ctx.report_progress(number, to, f"step {number}")
    return to


@server.tool()
async def environment() -> dict[str, str]:
    """The variables of the server."""
    return dict(os.environ)


if __name__ == "__main__":
    note(f"started {os.getpid()}")
    if len(sys.argv) > 1:
        server.run("streamable-http", port=int(sys.argv[1]))
    else:
        server.run("stdio")

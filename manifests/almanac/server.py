"""An MCP server on standard input and output: weekdays and the moon, worked out, not looked up.

It needs the MCP SDK, which is there where `cortex-agent-loop[mcp]` is installed. The moon is its
mean one: an age is right to about half a day.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import anyio
from mcp.server import Server
from mcp.server.stdio import stdio_server
from mcp_types import CallToolResult, ListToolsResult, TextContent, Tool, ToolAnnotations

MONTH = 29.530588861  # days from new moon to new moon
NEW_MOON = datetime(2000, 1, 6, 18, 14, tzinfo=UTC)
PHASES = ["new", "waxing", "half, and waxing", "almost full", "full", "waning", "half, and waning"]

DATE = {"date": {"type": "string", "format": "date", "description": "Such as 2026-12-24"}}
HARMLESS = ToolAnnotations(read_only_hint=True)
TOOLS = [
    Tool(
        name="weekday",
        description="The weekday of a date, and its year.",
        input_schema={"type": "object", "properties": DATE, "required": ["date"]},
        annotations=HARMLESS,
    ),
    Tool(
        name="moon",
        description="How old the moon is at noon (UTC) of a date, in days, and how it looks.",
        input_schema={"type": "object", "properties": DATE, "required": ["date"]},
        annotations=HARMLESS,
    ),
    Tool(
        name="full_moons",
        description="The dates of a year on which the moon is full.",
        input_schema={
            "type": "object",
            "properties": {"year": {"type": "integer", "minimum": 1900, "maximum": 2100}},
            "required": ["year"],
        },
        annotations=HARMLESS,
    ),
]


def age(day: date) -> float:
    """The days since the last new moon, at noon."""
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    return (noon - NEW_MOON) / timedelta(days=1) % MONTH


def weekday(day: date) -> dict[str, Any]:
    """The name of the weekday, and the year."""
    return {"name": day.strftime("%A"), "year": day.year}


def moon(day: date) -> dict[str, Any]:
    """The moon's age in days, and how it looks."""
    days = age(day)
    place = round(days / MONTH * 8)
    phase = {0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 5, 8: 0}[place]
    return {"age_days": round(days, 1), "phase": PHASES[phase]}


async def full_moons(year: int, context: Any) -> dict[str, Any]:
    """The dates of full moons; says month by month how far it is."""
    found: list[str] = []
    day = date(year, 1, 1)
    while day.year == year:
        if day.day == 1:
            await context.session.report_progress(day.month, 12, f"{day:%B}")
        before = age(day - timedelta(days=1))
        if before < MONTH / 2 <= age(day):
            found.append(day.isoformat())
        day += timedelta(days=1)
    return {"dates": found, "times": len(found)}


async def list_tools(_context: Any, _params: Any) -> ListToolsResult:
    """What this server offers."""
    return ListToolsResult(tools=TOOLS)


async def call_tool(context: Any, params: Any) -> CallToolResult:
    """Perform one call; what is no date is an error of the tool's own."""
    given = params.arguments or {}
    try:
        if params.name == "full_moons":
            answer = await full_moons(given["year"], context)
        else:
            tool = {"weekday": weekday, "moon": moon}[params.name]
            answer = tool(date.fromisoformat(given["date"]))
    except ValueError as error:
        content = [TextContent(type="text", text=str(error))]
        return CallToolResult(content=content, is_error=True)
    return CallToolResult(content=[], structured_content=answer)


async def main() -> None:
    """Serve until standard input ends."""
    server = Server("almanac", on_list_tools=list_tools, on_call_tool=call_tool)
    async with stdio_server() as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())


anyio.run(main)

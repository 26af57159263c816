"""What can be called, printed: a block for each tool, its parameters in columns."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import msgspec

from cortex_cli.report import ListedTool
from cortex_cli.ui.theme import Theme

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_MOST_NAME = 24
_INDENT = 2


def print_tools(console: "Console", tools: Sequence[ListedTool], theme: Theme) -> None:
    """Print what can be called, and how many of each type there are."""
    from rich.padding import Padding
    from rich.text import Text

    for tool in tools:
        head = Text(theme.line(tool.name), style="bold")
        head.append(f"  {tool.type}", style="blue")
        if tool.type != "built-in":
            head.append(f"  {theme.line(tool.origin)}", style="dim")
        console.print(head)
        if tool.description:
            told = Text(theme.line(" ".join(tool.description.split())))
            console.print(Padding(told, (0, 0, 0, _INDENT)))
        if tool.problem:
            wrong = Text(theme.line(tool.problem), style="bold red")
            console.print(Padding(wrong, (0, 0, 0, _INDENT)))
        if tool.parameters is not None and tool.type != "built-in":
            console.print(Padding(_table(tool.parameters, theme), (0, 0, 0, _INDENT)))
        console.print()
    counts = Counter(tool.type for tool in tools)
    console.print(Text(", ".join(f"{count} {name}" for name, count in counts.items()), "bold"))


def _table(schema: Mapping[str, Any], theme: Theme) -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(max_width=_MOST_NAME, overflow="fold")
    table.add_column(max_width=_MOST_NAME, overflow="fold")
    table.add_column(overflow="fold")
    properties = _mapping(schema.get("properties"))
    required = schema.get("required")
    needed = cast("list[object]", required) if isinstance(required, list) else []
    for name, declared in properties.items():
        about = _mapping(declared)
        kind = _kind(about) + ("" if name in needed else "?")
        words = [_said(about)] if _said(about) else []
        if "default" in about:
            words.append(f"default {_json(about['default'])}")
        table.add_row(
            Text(theme.line(name), style="cyan"),
            Text(theme.line(kind)),
            Text(theme.line("; ".join(words)), style="dim"),
        )
    if not properties:
        closed = schema.get("additionalProperties") is False or "properties" in schema
        words = "no parameters" if closed else "any parameters"
        table.add_row(Text(words, style="dim"))
    return table


def _kind(about: Mapping[str, Any]) -> str:
    """What a value may be, in a word or a few."""
    if isinstance(about.get("enum"), list):
        return "|".join(_json(one) for one in about["enum"] if one is not None)
    kind = about.get("type")
    if isinstance(kind, list):
        named = [str(one) for one in cast("list[object]", kind) if one != "null"]
        return "|".join(named) or "null"
    choices = about.get("anyOf", about.get("oneOf"))
    if kind is None and isinstance(choices, list):
        return "|".join(_kind(_mapping(one)) for one in cast("list[object]", choices))
    return "any" if kind is None else str(kind)


def _said(about: Mapping[str, Any]) -> str:
    return " ".join(str(about.get("description") or "").split())


def _mapping(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()

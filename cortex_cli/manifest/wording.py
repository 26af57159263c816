"""How the parts of a manifest are called in messages: on one line, cut where they are long."""

from collections.abc import Iterator, Sequence
from typing import Any, cast

from cortex_cli.manifest.document import Step
from cortex_cli.manifest.parameters import is_mapping

PLANS = frozenset({"actions", "steps"})
"""The keys that hold a list of actions."""

PRAETORIAN = "PraetorianRelics"
"""The key of a file with a relic in the form that came before the standard."""

_LONGEST = 60


def shown(value: Any, source: str | None = None) -> str:
    """A value as a message names it; `source` is how the file writes a number."""
    match value:
        case None | bool():
            return str(value).lower().replace("none", "null")
        case str():
            return quoted(value)
        case int() | float():
            return _cut(source or str(value))
        case _:
            return "a list" if isinstance(value, list | tuple) else "a mapping"


def quoted(text: str) -> str:
    """A text in single quotes, its control characters escaped, cut after 60 characters."""
    return f"'{_cut(text)}'"


def listed(words: Sequence[str], last: str = "or") -> str:
    """`a`, `a or b`, `a, b or c`."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def subject(document: dict[str, Any], path: Sequence[Step]) -> str:
    """What is at a path: `'retry.max_attempts' of action 'sum'`, `'environment.variables.PORT'`."""
    inside, action = _within(document, path)
    if not inside:
        return action or "the manifest"
    return f"'{_dotted(inside)}' of {action}" if action else f"'{_dotted(inside)}'"


def where(document: dict[str, Any], path: Sequence[Step]) -> str:
    """The mapping at a path: ` in 'retry' of action 'sum'`; nothing for the whole document."""
    return f" in {subject(document, path)}" if path else ""


def has(node: Any, step: Step) -> bool:
    """Whether a step leads on from a value of a document."""
    if isinstance(step, str):
        return is_mapping(node) and step in node
    return isinstance(node, list) and 0 <= step < len(cast("list[object]", node))


def entries(value: Any) -> Iterator[tuple[Step, Any]]:
    """What a mapping or list of a document holds, with the steps that lead there."""
    if is_mapping(value):
        yield from value.items()
    else:
        yield from enumerate(cast("list[Any]", value))


def _within(document: dict[str, Any], path: Sequence[Step]) -> tuple[Sequence[Step], str]:
    """The steps inside an action and what that is called; elsewhere all steps and no name."""
    if len(path) < 2 or path[0] not in PLANS:
        return path, ""
    plan, position, *inside = path
    item = document[str(plan)][position]
    written = [item.get("id"), item.get("name")] if is_mapping(item) else []
    name = next((quoted(name) for name in written if isinstance(name, str)), None)
    return inside, f"action {name}" if name else f"'{_dotted([plan, position])}'"


def _dotted(path: Sequence[Step]) -> str:
    steps = (f"[{step}]" if isinstance(step, int) else f".{_cut(step)}" for step in path)
    return "".join(steps).removeprefix(".")


def _cut(text: str) -> str:
    start = text[:_LONGEST]
    if not start.isprintable():
        start = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in start)
    return f"{start}…" if len(text) > _LONGEST else start

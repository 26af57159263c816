"""A plan as a Mermaid flowchart, which GitHub, GitLab and many editors draw."""

import re
from collections.abc import Iterator, Sequence

from cortex_cli.kinds import ActionMode, ActionType, EdgeKind
from cortex_cli.report import PlannedAction, PlanReport
from cortex_cli.ui.durations import format_seconds
from cortex_cli.ui.palette import CRITICAL, INK, LINE, SHADES
from cortex_cli.ui.sanitise import fit, safe_line
from cortex_cli.ui.words import calls_text

# What GitHub draws at most: Mermaid's own limits, which a diagram can't raise.
MOST_EDGES = 500
MOST_CHARACTERS = 50_000

_LABEL_CELLS = 60
_NAMED = {'"': "#quot;", "&": "#amp;", "<": "#lt;", ">": "#gt;"}
# All but letters, digits, single spaces, commas and slashes; `_` and `-` stay inside a word. Beyond
# what Mermaid itself reads as syntax, newer versions read labels as Markdown (`1. x`, `_x_`,
# `www.x`), and every version takes a line with `direction LR` anywhere in it for a statement.
_SPECIAL = re.compile(
    r"[^\w ,/_-]|(?<![^\W_])[_-]|[_-](?![^\W_])|(?<!\S) |(?<=direction) ", re.IGNORECASE
)
_ARROWS = {EdgeKind.DEPENDS_ON: "-->", EdgeKind.DATA: "-.->", EdgeKind.BARRIER: "--x"}
_SHAPES = {
    ActionType.RELIC: ('[("', '")]'),
    ActionType.DECISION: ('{"', '"}'),
    ActionType.AGENT: ('[["', '"]]'),
    ActionType.WORKFLOW: ('[["', '"]]'),
}
_BOX = ('("', '")')
_BOLD = f"stroke:{CRITICAL},stroke-width:3px"


def to_mermaid(report: PlanReport) -> str:
    """The plan from left to right; nodes are `n0`, `n1` … in the order of the plan.

    Edges: `depends_on` solid, `data` dotted, `barrier` ending in a cross. The critical path is
    bold, what is `fire_and_forget` has a dashed border, each type has its colour. A diagram that
    is larger than GitHub draws says so in its first line.
    """
    text = "\n".join(["flowchart LR", *(f"  {line}" for line in _lines(report)), ""])
    return f"{_warning(report, text)}{text}"


def _lines(report: PlanReport) -> Iterator[str]:
    names = {action.id: f"n{number}" for number, action in enumerate(report.actions)}
    for action in report.actions:
        before, after = _SHAPES.get(action.type, _BOX)
        yield f"{names[action.id]}{before}{_label(action)}{after}"
    for edge in report.edges:
        yield f"{names[edge.source]} {_ARROWS[edge.kind]} {names[edge.target]}"
    yield from _classes(report, names)
    yield from _line_styles(report)


def _classes(report: PlanReport, names: dict[str, str]) -> Iterator[str]:
    """What nodes look like: their type first, since a later class adds to it or overrides it."""
    for kind, shade in SHADES.items():
        members = [names[action.id] for action in report.actions if action.type is kind]
        yield from _class(kind, f"fill:{shade.fill},stroke:{shade.border},color:{INK}", members)
    background = [
        names[action.id] for action in report.actions if action.mode is ActionMode.FIRE_AND_FORGET
    ]
    yield from _class("fire_and_forget", "stroke-dasharray:5 3", background)
    yield from _class("critical", _BOLD, [names[member] for member in report.critical_path])


def _class(name: str, style: str, members: Sequence[str]) -> Iterator[str]:
    if members:
        yield f"classDef {name} {style}"
        yield f"class {','.join(members)} {name}"


def _line_styles(report: PlanReport) -> Iterator[str]:
    """What lines look like, by their numbers: the critical path is bold."""
    if not report.edges:
        return
    yield f"linkStyle default stroke:{LINE}"
    path = set(zip(report.critical_path, report.critical_path[1:], strict=False))
    bold = [
        str(number)
        for number, edge in enumerate(report.edges)
        if (edge.source, edge.target) in path
    ]
    if bold:
        yield f"linkStyle {','.join(bold)} {_BOLD}"


def _label(action: PlannedAction) -> str:
    mode = "" if action.mode is ActionMode.ASYNC else f"{action.mode}, "
    facts = [
        action.id,
        calls_text(action),
        mode + format_seconds(action.estimate_seconds),
    ]
    return "<br/>".join(_escaped(fit(safe_line(fact), _LABEL_CELLS)) for fact in facts)


def _escaped(text: str) -> str:
    """Text of a label: all that Mermaid, Markdown or HTML might read as its own is an entity."""
    return _SPECIAL.sub(lambda match: _NAMED.get(match[0], f"#{ord(match[0])};"), text)


def _warning(report: PlanReport, text: str) -> str:
    if len(report.edges) <= MOST_EDGES and len(text) <= MOST_CHARACTERS:
        return ""
    return (
        f"%% {len(report.edges):,} edges, {len(text):,} characters: GitHub draws at most "
        f"{MOST_EDGES:,} and {MOST_CHARACTERS:,}\n"
    )

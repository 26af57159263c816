"""A plan as a picture in DOT, the language of Graphviz."""

from collections.abc import Iterator
from html import escape as escape_html
from typing import TypeAlias

from cortex_cli.kinds import ActionMode, ActionType, EdgeKind
from cortex_cli.report import PlannedAction, PlannedEdge, PlanReport
from cortex_cli.ui.durations import format_ratio, format_seconds
from cortex_cli.ui.palette import CRITICAL, INK, LINE, QUIET, SHADES
from cortex_cli.ui.sanitise import escape, fit, safe_line
from cortex_cli.ui.words import calls_text

Attributes: TypeAlias = dict[str, str]

_LABEL_CELLS = 80
# One name only: a list of fonts has no metrics where Graphviz is built without a font library.
_FONT = "Helvetica"
_SHAPES = {ActionType.RELIC: "cylinder", ActionType.DECISION: "diamond"}
_EDGES: dict[EdgeKind, Attributes] = {
    EdgeKind.DEPENDS_ON: {"style": "solid"},
    EdgeKind.DATA: {"style": "dashed"},
    EdgeKind.BARRIER: {"style": "dotted", "arrowhead": "tee", "penwidth": "1.8"},
}


def to_dot(report: PlanReport, *, name: str | None = None) -> str:
    """The plan from left to right, one column a wave; the same plan gives the same text.

    Edges: `depends_on` solid, `data` dashed, `barrier` dotted with a bar for a head. The critical
    path is bold. Types differ in colour, and some in shape; `fire_and_forget` has a dashed border.
    Nodes are named by the ids of their actions. `name` is the graph's, by default the agent's.
    """
    return "\n".join([*_lines(report, report.agent if name is None else name), ""])


def _lines(report: PlanReport, name: str) -> Iterator[str]:
    path = set(zip(report.critical_path, report.critical_path[1:], strict=False))
    yield f"digraph {quoted(name)} {{"
    yield f"  graph {_listed(_graph(report, name))}"
    yield f"  node {_listed(_NODES)}"
    yield f"  edge {_listed(_LINES)}"
    for action in report.actions:
        yield f"  {quoted(action.id)} {_listed(_node(action))}"
    for wave in report.waves:
        yield f"  {{ rank=same; {' '.join(f'{quoted(member)};' for member in wave)} }}"
    for edge in report.edges:
        ends = f"{quoted(edge.source)} -> {quoted(edge.target)}"
        yield f"  {ends} {_listed(_edge(edge, critical=(edge.source, edge.target) in path))}"
    yield "}"


_NODES: Attributes = {
    "fontname": _FONT,
    "fontsize": "12",
    "fontcolor": f'"{INK}"',
    "shape": "box",
    "style": '"rounded,filled"',
    "margin": '"0.16,0.09"',
    "penwidth": "1.2",
}
_LINES: Attributes = {"color": f'"{LINE}"', "penwidth": "1.2", "arrowsize": "0.75"}


def _graph(report: PlanReport, name: str) -> Attributes:
    totals = report.estimate
    facts = (
        f"{len(report.actions):,} actions in {len(report.waves):,} waves, "
        f"{format_seconds(totals.sequential_seconds)} of work in "
        f"{format_seconds(totals.scheduled_seconds)} ({format_ratio(totals.speedup)})"
    )
    return {
        "rankdir": "LR",
        "fontname": _FONT,
        "fontsize": "16",
        "fontcolor": f'"{INK}"',
        "label": _label(name, [facts, ""] if report.actions else [], align=' align="left"'),
        "labelloc": "t",
        "labeljust": "l",
        "nodesep": "0.3",
        "ranksep": "0.6",
        "pad": "0.3",
        "bgcolor": '"white"',
    }


def _node(action: PlannedAction) -> Attributes:
    shade = SHADES[action.type]
    mode = "" if action.mode is ActionMode.ASYNC else f"{action.mode}, "
    attributes = {
        "label": _label(
            action.id,
            [
                calls_text(action),
                mode + format_seconds(action.estimate_seconds),
            ],
        ),
        "tooltip": quoted(_tooltip(action)),
        "fillcolor": f'"{shade.fill}"',
        "color": f'"{shade.border}"',
    }
    if action.type in _SHAPES:
        attributes["shape"] = _SHAPES[action.type]
    if action.mode is ActionMode.FIRE_AND_FORGET:
        attributes["style"] = '"rounded,filled,dashed"'
    if action.on_critical_path:
        attributes |= {"color": f'"{CRITICAL}"', "penwidth": "2.6"}
    return attributes


def _tooltip(action: PlannedAction) -> str:
    start, end = format_seconds(action.start_seconds), format_seconds(action.end_seconds)
    free = (
        "critical" if action.on_critical_path else f"slack {format_seconds(action.slack_seconds)}"
    )
    source = f"estimate from {action.estimate_source}"
    return safe_line(f"{action.name}: {start} to {end}, {free}, {source}")


def _edge(edge: PlannedEdge, *, critical: bool) -> Attributes:
    attributes = dict(_EDGES[edge.kind])
    if critical:
        attributes |= {"color": f'"{CRITICAL}"', "penwidth": "2.6"}
    return attributes


def _listed(attributes: Attributes) -> str:
    return f"[{', '.join(f'{key}={value}' for key, value in attributes.items())}];"


def _label(title: str, facts: list[str], align: str = "") -> str:
    """An HTML-like label: a bold title over small lines."""
    small = "".join(
        f'<font point-size="10" color="{QUIET}">{_html(fact)}</font><br{align}/>' for fact in facts
    )
    return f"<<b>{_html(title)}</b><br{align}/>{small}>"


def _html(text: str) -> str:
    """Text for a label, where an element may not be empty."""
    return escape_html(fit(safe_line(text), _LABEL_CELLS)) or " "


def quoted(text: str) -> str:
    r"""Any text as a DOT string; different texts stay different.

    In DOT only `\"` is an escape, and a label knows more, so backslashes are doubled, and what
    cannot be seen is written as in `escape`.
    """
    shown = (f"\\{c}" if c in '"\\' else c if c.isprintable() else escape(c) for c in text)
    return f'"{"".join(shown)}"'

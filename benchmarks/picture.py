"""The results as a picture: two panels of dots, a row for each contestant, in plain SVG."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

WIDTH, ROW, TOP, BOTTOM, LABELS, GAP = 960, 30, 96, 46, 124, 48
RULE = "#d3d9df"
STYLE = (
    "text { font: 12px Helvetica, Arial, sans-serif; fill: #1f2933 }"
    " .title { font-size: 14px; font-weight: bold }"
    " .name, .own { text-anchor: end }"
    " .own { font-weight: bold }"
    " .small, .tick { font-size: 11px; fill: #52606d }"
    " .tick { text-anchor: middle }"
)
COLOURS = ("#3b78b5", "#d9822b", "#3f9142", "#a23b72", "#5b3f9f")

Results = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Panel:
    """One measure of some workloads, on an axis from `left` to `right` with marks at `ticks`."""

    title: str
    measure: str
    workloads: Sequence[Results]
    left: float
    right: float
    ticks: Sequence[float]
    is_log: bool

    def at(self, value: float) -> float:
        """Where a value stands; what lies outside is set on the edge."""
        low, high = self.ticks[0], self.ticks[-1]
        if self.is_log:
            low, high, value = math.log(low), math.log(high), math.log(value)
        share = min(max((value - low) / (high - low), 0.0), 1.0)
        return self.left + share * (self.right - self.left)


def draw(results: Results) -> str:
    """CPU per action and makespan ÷ lower bound of each contestant, as SVG."""
    names: list[str] = results["contestants"]
    timed = [one for one in results["workloads"] if one["lower_bound_seconds"] > 0]
    idle = [one for one in results["workloads"] if one["lower_bound_seconds"] <= 0]
    middle = LABELS + (WIDTH - LABELS - 2 * GAP) * 0.62
    ticks = (1, 10, 100, 1_000, 10_000)
    panels = (
        Panel("CPU per action, μs", "cpu_us", idle, LABELS, middle, ticks, is_log=True),
        Panel(
            "makespan ÷ lower bound",
            "makespan",
            timed,
            middle + GAP,
            WIDTH - GAP,
            (1.0, 1.5, 2.0, 2.5),
            is_log=False,
        ),
    )
    height = TOP + ROW * len(names) + BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}">',
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        *_labels(names),
    ]
    for panel in panels:
        parts += [*_axis(panel, len(names)), *_legend(panel), *_dots(panel, names)]
    note = "A cross at the edge: no figure, because it failed or took over 60 s."
    parts.append(_text(LABELS, height - 8, note, "small"))
    return "\n".join([*parts, "</svg>", ""])


def _middle(row: int) -> float:
    return TOP + ROW * (row + 0.5)


def _labels(names: Sequence[str]) -> Iterator[str]:
    for row, name in enumerate(names):
        yield _text(LABELS - 14, _middle(row) + 4, name, "own" if name == "cortex" else "name")


def _axis(panel: Panel, rows: int) -> Iterator[str]:
    bottom = TOP + ROW * rows
    yield _text(panel.left, 24, panel.title, "title")
    for tick in panel.ticks:
        x = panel.at(tick)
        yield f'<path d="M{x:.1f},{TOP}V{bottom}" stroke="{RULE}"/>'
        yield _text(x, bottom + 16, f"{tick:,}", "tick")


def _legend(panel: Panel) -> Iterator[str]:
    x, y = panel.left, 46.0
    for workload, colour in zip(panel.workloads, COLOURS, strict=False):
        wide = 22 + 6.3 * len(workload["title"])
        if x + wide > panel.right + GAP:
            x, y = panel.left, y + 18
        yield f'<circle cx="{x + 5:.1f}" cy="{y - 4:.1f}" r="4.5" fill="{colour}"/>'
        yield _text(x + 14, y, workload["title"], "small")
        x += wide


def _dots(panel: Panel, names: Sequence[str]) -> Iterator[str]:
    for row, name in enumerate(names):
        y = _middle(row)
        for place, workload in enumerate(panel.workloads):
            colour = COLOURS[place % len(COLOURS)]
            found = workload["results"][name]
            if "failure" in found:
                x = panel.right - 9 * (len(panel.workloads) - 1 - place)
                cross = f"M{x - 3},{y - 3}l6,6m0,-6l-6,6"
                yield f'<path d="{cross}" stroke="{colour}" stroke-width="1.6"/>'
                continue
            value = found[panel.measure]["value"]
            yield (
                f'<circle cx="{panel.at(value):.1f}" cy="{y:.1f}" r="4.5" fill="{colour}"'
                f' fill-opacity="0.85"><title>{escape(name)}, {escape(workload["title"])}:'
                f" {value:,.3g}</title></circle>"
            )


def _text(x: float, y: float, words: str, kind: str) -> str:
    """Text in one of the kinds of the style sheet."""
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}">{escape(words)}</text>'

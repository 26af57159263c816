"""The time line of a report: for each action a bar of its attempts and waits, as inline SVG."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import assert_never

from cortex_cli.ui.action_story import ActionStory, WaitCause
from cortex_cli.ui.html_text import text
from cortex_cli.ui.ticks import ticks

_MOST_TICKS = 6
_MOST_PIECES = 60
_LEAST = 0.25
_LEGEND = (
    ("run", "ran", 8),
    ("hot", "on the critical path", 8),
    ("bad", "failed attempt", 8),
    ("wait", "waited for a slot", 3),
    ("wait retry", "waited to be tried again", 3),
    ("wait pool", "waited for a resource, a rate or budget", 3),
    ("wait approval", "waited for approval", 3),
)


@dataclass(frozen=True, slots=True)
class Axis:
    """What times are drawn against: the start since 1970, and how many seconds there are."""

    start: float
    span: float

    def part(self, moment: float) -> float:
        """Where a moment is, in percent."""
        return round(max(0.0, min(100.0, 100 * (moment - self.start) / self.span)), 3)

    @property
    def marks(self) -> list[tuple[float, str]]:
        """Round times: where, in percent, and what they are called."""
        return [
            (round(100 * seconds / self.span, 3), label)
            for seconds, label in ticks(self.span, _MOST_TICKS)
        ]


def scale(axis: Axis) -> str:
    """The names of the round times above the bars."""
    marks = "".join(
        f'<text x="{at}%" y="11" text-anchor="{_anchor(at)}">{text(label)}</text>'
        for at, label in axis.marks
    )
    return (
        f'<div class="axis" aria-hidden="true"><span></span><svg>{marks}</svg><span></span></div>'
    )


def _anchor(at: float) -> str:
    return "start" if at < 4 else "end" if at > 96 else "middle"


def grid(axis: Axis) -> str:
    """The lines of the round times, for every bar."""
    return "".join(f'<line class="grid" x1="{at}%" x2="{at}%" y2="100%"/>' for at, _ in axis.marks)


def bar(action: ActionStory, axis: Axis, now: float) -> str:
    """The attempts as broad bars, the waits between and before them as narrow ones."""
    return "".join([*_waits(action, axis), *_attempts(action, axis, now)])


def _waits(action: ActionStory, axis: Axis) -> Iterator[str]:
    told = [wait for wait in action.waits if wait.cause.is_queue]
    for wait in told[:_MOST_PIECES]:
        start, end = axis.part(wait.start), axis.part(wait.end)
        yield (
            f'<rect class="wait {wait.cause.value}" x="{start}%" y="42%" '
            f'width="{round(max(_LEAST, end - start), 3)}%" height="16%" rx="1"/>'
        )


def _attempts(action: ActionStory, axis: Axis, now: float) -> Iterator[str]:
    state = "cached" if action.row.cached else action.row.state.value
    last = len(action.attempts) - 1
    for place, attempt in enumerate(action.attempts[:_MOST_PIECES]):
        start, end = axis.part(attempt.start), axis.part(attempt.end or now)
        style = f"run {state}" if place == last else "bad"
        width = round(max(_LEAST, end - start), 3)
        yield (
            f'<rect class="{style}" x="{min(start, 100 - _LEAST)}%" y="18%" '
            f'width="{width}%" height="64%" rx="2"/>'
        )


def legend(styles: set[str]) -> str:
    """What the bars mean, as far as they occur: `styles` are those of the waits."""
    drawn = [
        f'<span class="{"hot" if style == "hot" else ""}"><svg aria-hidden="true">'
        f'<rect class="{"run" if style == "hot" else style}" y="{(10 - height) / 2}" '
        f'width="22" height="{height}" rx="1.5"/></svg>{words}</span>'
        for style, words, height in _LEGEND
        if style in styles
    ]
    return f'<p class="legend">{"".join(drawn)}</p>'


def styles_of(action: ActionStory, *, is_hot: bool) -> Iterator[str]:
    """The entries of the legend that an action needs."""
    if action.has_run:
        yield "hot" if is_hot else "run"
    if len(action.attempts) > 1:
        yield "bad"
    for wait in action.waits:
        match wait.cause:
            case WaitCause.DEPENDENCY | WaitCause.PLANNING:
                continue
            case WaitCause.SLOT:
                yield "wait"
            case WaitCause.RETRY | WaitCause.APPROVAL:
                yield f"wait {wait.cause.value}"
            case WaitCause.POOL | WaitCause.RATE | WaitCause.BUDGET:
                yield "wait pool"
            case _:
                assert_never(wait.cause)

"""The actions of a report: a line with a bar each, and behind it all that there is to say."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cortex_cli.kinds import ActionState
from cortex_cli.ui.action_story import ActionStory
from cortex_cli.ui.excerpt import Excerpt
from cortex_cli.ui.glyphs import UNICODE
from cortex_cli.ui.html_bars import Axis, bar, grid, legend, scale, styles_of
from cortex_cli.ui.html_text import block, text
from cortex_cli.ui.run_story import RunStory
from cortex_cli.ui.show_sections import usage_text
from cortex_cli.ui.stopwatch import seconds_text
from cortex_cli.ui.theme import STATE_WORDS
from cortex_cli.ui.why_not import why_cancelled, why_skipped
from cortex_cli.ui.why_waited import why_waited
from cortex_cli.ui.words import counted

MOST_ROWS = 400
MOST_OF_ONE = 20_000
MOST_OF_PARAMETERS = 4_000
MOST_OF_ALL = 1_500_000

_DEEPEST = 4
_MOST_ATTEMPTS = 20
_FILTER = (
    '<div class="filter" hidden><input type="search" placeholder="Filter by name" '
    'aria-label="Filter by name"><label><input type="checkbox"> only what did not complete</label>'
    "<output></output></div>"
)


class Budget:
    """How many characters of outputs and the like a page may still take."""

    def __init__(self, most: int = MOST_OF_ALL) -> None:
        """A page that begins."""
        self._left = most

    def take(self, value: Excerpt, most: int = MOST_OF_ONE) -> str:
        """As much of a value as there is room for, with a mark where it was cut."""
        shown = value.cut(max(0, min(most, self._left)))
        self._left -= len(shown.text)
        return block(shown.text, shown.left_out)


@dataclass(frozen=True, slots=True)
class _Page:
    """What all rows share."""

    story: RunStory
    axis: Axis
    grid: str
    hot: frozenset[ActionStory]
    budget: Budget


def actions_html(story: RunStory, path: Sequence[ActionStory], budget: Budget) -> str:
    """At most 400 actions, those on the path, those that failed and the longest before others."""
    everything = list(story)
    if not everything:
        return ""
    start = story.view.started_at or 0.0
    axis = Axis(start, max(story.view.latest - start, 0.001))
    page = _Page(story, axis, grid(axis), frozenset(path), budget)
    shown = _chosen(everything, page.hot)
    rows = "".join(_row(action, page) for action in shown)
    styles = {style for a in shown for style in styles_of(a, is_hot=a in page.hot)}
    left_out = len(everything) - len(shown)
    more = f'<p class="note">{counted(left_out, "more action")}, shorter, not shown</p>'
    return f"{_FILTER}{scale(axis)}{rows}{more if left_out else ''}{legend(styles)}"


def _chosen(actions: Sequence[ActionStory], hot: frozenset[ActionStory]) -> list[ActionStory]:
    if len(actions) <= MOST_ROWS:
        return list(actions)

    def rank(place: int) -> tuple[bool, bool, float]:
        action = actions[place]
        is_failed = action.row.state is ActionState.FAILED
        return (action not in hot, not is_failed, -action.seconds)

    kept = sorted(range(len(actions)), key=rank)[:MOST_ROWS]
    return [actions[place] for place in sorted(kept)]


def _row(action: ActionStory, page: _Page) -> str:
    row, state = action.row, action.row.state
    hot = " hot" if action in page.hot else ""
    took = seconds_text(action.seconds) if action.has_run else STATE_WORDS[state]
    drawn = bar(action, page.axis, page.story.view.latest)
    return (
        f'<details class="row {state.value}{hot}" data-is="{text(action.label)} {state.value}">'
        f'<summary><span class="name d{min(row.depth, _DEEPEST)}">'
        f'<i class="{state.value}" title="{STATE_WORDS[state]}">{UNICODE.states[state]}</i>'
        f'<span>{text(row.name)}</span></span><svg class="bar" aria-hidden="true">{page.grid}'
        f'{drawn}</svg><span class="took">{text(took)}</span></summary>'
        f'<div class="more">{"".join(_more(action, page))}</div></details>\n'
    )


def _more(action: ActionStory, page: _Page) -> Iterator[str]:
    yield f"<p>{_what(action)}</p>"
    for told in (*why_waited(action), *_ending(action, page.story)):
        yield f"<p>{text(told)}</p>"
    for attempt in action.attempts[:_MOST_ATTEMPTS]:
        if attempt.error is not None and len(action.attempts) > 1:
            error = text(f"Attempt {attempt.number}: {attempt.error}")
            yield f'<p class="failed">{error}</p>'
    if action.row.error and action.row.state is ActionState.FAILED:
        yield f"<h3>Error</h3>{block(action.row.error)}"
    if action.parameters is not None:
        yield f"<h3>Parameters</h3>{page.budget.take(action.parameters, MOST_OF_PARAMETERS)}"
    if action.output is not None and action.output.text not in {"", "null"}:
        yield f"<h3>Output</h3>{page.budget.take(action.output)}"


def _ending(action: ActionStory, story: RunStory) -> Iterator[str]:
    match action.row.state:
        case ActionState.SKIPPED:
            yield from why_skipped(story, action, None)
        case ActionState.CANCELLED:
            yield from why_cancelled(story, action)
        case _:
            if action.row.cached:
                yield "Its output was taken from the cache."


def _what(action: ActionStory) -> str:
    """Type, target, state and figures in one line."""
    row, plan = action.row, action.row.plan
    facts = [
        f"<code>{text(action.label)}</code>",
        text(" ".join(filter(None, (row.type, row.target)))),
        f'<span class="{row.state.value}">{STATE_WORDS[row.state]}</span>',
        seconds_text(action.seconds) if action.has_run else "",
        f"{row.attempt:,} attempts" if row.attempt > 1 else "",
        f"estimated {seconds_text(plan.estimate_seconds)}" if plan else "",
        text(usage_text(action.usage)) if action.usage else "",
    ]
    return " · ".join(fact for fact in facts if fact)

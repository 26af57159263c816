"""What `cortex runs diff A B` prints: the two runs, then the actions that differ."""

from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.text import Text

from cortex_cli.ui.entry import section
from cortex_cli.ui.line import Line
from cortex_cli.ui.run_diff import ActionDiff, Change, RunDiff
from cortex_cli.ui.run_list import RunEntry
from cortex_cli.ui.run_table import LOOKS
from cortex_cli.ui.stopwatch import seconds_text
from cortex_cli.ui.theme import STATE_STYLES, STATE_WORDS, Theme
from cortex_cli.ui.words import counted, counts_text

MOST_ACTIONS = 200
MOST_LINES = 8

_SIGNS = {Change.APPEARED: ("+", "green"), Change.VANISHED: ("-", "red")}
_DIFF_STYLES = {"+": "green", "-": "red"}


def diff_lines(diff: RunDiff, theme: Theme, width: int) -> Iterator[Text]:
    """The lines, `width` columns wide (at least 40)."""
    for sign, entry in zip("-+", diff.runs, strict=True):
        yield _run(sign, entry, theme, width)
    yield from section("Inputs", _changed(diff.inputs_diff, theme, width))
    yield from section("Actions", _actions(diff, theme, width))
    yield from section("Outputs", _changed(diff.outputs_diff, theme, width))
    yield Text()
    changed = counted(len(diff.actions), "action") if diff.actions else "no action"
    verb = "differs" if len(diff.actions) < 2 else "differ"
    yield Line(theme, width).add(f"{changed} {verb}, {diff.same:,} the same", "dim").text


def _run(sign: str, entry: RunEntry, theme: Theme, width: int) -> Text:
    look = LOOKS[entry.state]
    line = Line(theme, width).add(sign, _DIFF_STYLES[sign]).gap(1)
    line.add(entry.execution_id).gap(1).add(entry.name, "bold", max(8, width // 3)).gap(1)
    line.add(entry.state.value, STATE_STYLES[look]).gap(1)
    line.add(seconds_text(entry.duration_seconds)).gap(2)
    return line.add(counts_text(entry.counts), "dim").text


def _actions(diff: RunDiff, theme: Theme, width: int) -> Iterator[Text]:
    for action in diff.actions[:MOST_ACTIONS]:
        yield from _head(action, theme, width)
        yield from _changed(action.parameters_diff, theme, width, "parameters")
        yield from _changed(action.output_diff, theme, width, "output")
        if Change.STATE in action.changes:
            errors = [f"{s}{error}" for s, error in zip("-+", action.errors, strict=True) if error]
            yield from _changed(errors, theme, width, "error")
    if len(diff.actions) > MOST_ACTIONS:
        more = f"{theme.glyphs.ellipsis} {len(diff.actions) - MOST_ACTIONS:,} more"
        yield Line(theme, width).gap(2).add(more, "dim").text


def _head(action: ActionDiff, theme: Theme, width: int) -> Iterator[Text]:
    """What has changed, on a line of its own where it doesn't fit behind the name."""
    sign, style = _SIGNS.get(action.changes[0], ("~", "yellow"))
    line = Line(theme, width).add(sign, style).gap(1).add(action.action, "bold", width // 2).gap(2)
    words: list[str] = []
    states = [STATE_WORDS[state] for state in action.states if state is not None]
    if Change.STATE in action.changes or len(states) == 1:
        words.append(f" {theme.glyphs.arrow} ".join(states))
    if Change.DURATION in action.changes:
        words.append(f" {theme.glyphs.arrow} ".join(map(seconds_text, action.seconds)))
    others = {Change.PARAMETERS: "other parameters", Change.OUTPUT: "other output"}
    words += [word for change, word in others.items() if change in action.changes]
    told = ", ".join(words)
    if cell_len(told) <= line.left:
        yield line.add(told).text
    else:
        yield line.text
        yield Line(theme, width).gap(4).add(told).text


def _changed(lines: Sequence[str], theme: Theme, width: int, label: str = "") -> Iterator[Text]:
    """The first lines of a difference, under what it is a difference of."""
    if lines and label:
        yield Line(theme, width).gap(4).add(label, "dim").text
    for changed in lines[:MOST_LINES]:
        style = _DIFF_STYLES.get(changed[:1], "dim")
        yield Line(theme, width).gap(6 if label else 2).add(changed, style).text
    if len(lines) > MOST_LINES:
        more = f"{theme.glyphs.ellipsis} {len(lines) - MOST_LINES:,} more lines"
        yield Line(theme, width).gap(6 if label else 2).add(more, "dim").text

"""The waves of a run as lists, in place of a graph that is too large to draw."""

from collections.abc import Mapping, Sequence

from cortex_cli.ui.action_story import ActionStory
from cortex_cli.ui.html_text import text
from cortex_cli.ui.words import counted

MOST_WAVES = 40
MOST_IN_WAVE = 40


def waves_html(layers: Sequence[Mapping[str, ActionStory]]) -> str:
    """A line a wave; of many waves the first, of many actions in one the first."""
    lines: list[str] = []
    for number, layer in enumerate(layers[:MOST_WAVES], start=1):
        shown = list(layer.values())[:MOST_IN_WAVE]
        names = "".join(
            f'<span class="{action.row.state.value}">{text(action.row.id, 80)}</span>'
            for action in shown
        )
        more = len(layer) - len(shown)
        rest = f"<span>{more:,} more</span>" if more else ""
        head = f"wave {number}: {counted(len(layer), 'action')}"
        lines.append(f'<p class="wave"><b>{head}</b>{names}{rest}</p>')
    more = len(layers) - MOST_WAVES
    left = f'<p class="note">{counted(more, "more wave")}</p>' if more > 0 else ""
    return f'<p class="note">Too large to draw; its waves:</p>{"".join(lines)}{left}'

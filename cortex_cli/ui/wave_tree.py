"""The waves of a plan as a tree, in as many columns of facts as the screen has room for."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

from cortex_cli.ids import slug
from cortex_cli.kinds import ActionMode
from cortex_cli.report import PlannedAction, PlanReport
from cortex_cli.ui.durations import format_seconds
from cortex_cli.ui.theme import TYPE_STYLES, Theme
from cortex_cli.ui.time_line import CRITICAL_STYLE
from cortex_cli.ui.words import counted, listed

if TYPE_CHECKING:
    from rich.text import Text

WHOLE_UP_TO = 200
MOST_WAVES = 60
MOST_IN_WAVE = 50
LEAST_IN_WAVE = 3

_GAP = 2
_NARROWEST_ID = 8
_WIDEST_ID = 48
_WIDEST_KIND = 40

_Branch: TypeAlias = tuple["Text", list["Text"]]


def wave_tree(report: PlanReport, width: int, theme: Theme) -> Iterator["Text"]:
    """One line a wave and one an action, none wider than `width`.

    A plan of more than 200 actions is cut: 60 waves, and of each wave its critical actions and
    those with the least slack; what is left out is counted.
    """
    waves = _by_wave(report)
    whole = len(report.actions) <= WHOLE_UP_TO
    limit = max(LEAST_IN_WAVE, min(MOST_IN_WAVE, WHOLE_UP_TO // max(1, len(waves))))
    shown = waves if whole else waves[:MOST_WAVES]
    kept = [wave if whole else _most_telling(wave, limit) for wave in shown]
    columns = _Columns([action for wave in kept for action in wave], width, theme)
    branches: list[_Branch] = []
    for number, (wave, actions) in enumerate(zip(shown, kept, strict=True), start=1):
        leaves = [columns.line(action) for action in actions]
        if len(actions) < len(wave):
            leaves.append(_more(f"{len(wave) - len(actions):,} more", theme))
        branches.append((_wave_line(number, wave), leaves))
    if len(shown) < len(waves):
        left = waves[len(shown) :]
        count = sum(map(len, left))
        branches.append((_more(f"{len(left):,} more waves, {count:,} actions", theme), []))
    yield from _drawn(branches, theme)


def _by_wave(report: PlanReport) -> list[list[PlannedAction]]:
    actions = {action.id: action for action in report.actions}
    return [[actions[name] for name in wave] for wave in report.waves]


def _most_telling(wave: Sequence[PlannedAction], limit: int) -> list[PlannedAction]:
    """The critical actions and those with the least slack, in the order of the plan."""
    ranked = sorted(
        range(len(wave)),
        key=lambda place: (not wave[place].on_critical_path, wave[place].slack_seconds, place),
    )
    return [wave[place] for place in sorted(ranked[:limit])]


def _wave_line(number: int, wave: Sequence[PlannedAction]) -> "Text":
    from rich.text import Text

    waited_for = [action for action in wave if action.mode is not ActionMode.FIRE_AND_FORGET]
    slowest = max((action.end_seconds - action.start_seconds for action in waited_for), default=0.0)
    many = counted(len(wave), "action")
    return Text.assemble(
        (f"wave {number}", "bold"), (f"  {many}, {format_seconds(slowest)}", "dim")
    )


def _more(words: str, theme: Theme) -> "Text":
    from rich.text import Text

    return Text(f"{theme.glyphs.ellipsis} {words}", style="dim")


def _drawn(branches: Sequence[_Branch], theme: Theme) -> Iterator["Text"]:
    from rich.text import Text

    glyphs = theme.glyphs
    for place, (head, leaves) in enumerate(branches, start=1):
        is_last = place == len(branches)
        yield Text.assemble((glyphs.last if is_last else glyphs.branch, "dim"), head)
        stem = glyphs.blank if is_last else glyphs.pipe
        for rank, leaf in enumerate(leaves, start=1):
            twig = glyphs.last if rank == len(leaves) else glyphs.branch
            yield Text.assemble((stem + twig, "dim"), leaf)


class _Columns:
    """The facts of an action side by side; the less important ones only where there is room.

    Always: id, estimate, and how free the action is in time. Then, as far as the width goes:
    where the estimate is from; type, target and mode; a name that says more than the id.
    """

    def __init__(self, actions: Sequence[PlannedAction], width: int, theme: Theme) -> None:
        self._theme = theme
        self._estimate = _widest(format_seconds(action.estimate_seconds) for action in actions)
        needed = self._estimate + _widest(map(_freedom, actions)) + 2 * _GAP
        room = width - len(theme.glyphs.blank + theme.glyphs.last) - needed
        id_width = min(_widest(theme.line(action.id) for action in actions), _WIDEST_ID)
        self._id = min(id_width, max(_NARROWEST_ID, room))
        room -= self._id
        self._source = _granted(_widest(theme.line(a.estimate_source) for a in actions), room)
        room -= self._source + _GAP if self._source else 0
        kind_width = min(_widest(theme.line(_kind(a)) for a in actions), _WIDEST_KIND)
        self._kind = _granted(kind_width, room, least=12)
        room -= self._kind + _GAP if self._kind else 0
        self._name = _granted(_widest(theme.line(_name(a)) for a in actions), room, least=12)

    def line(self, action: PlannedAction) -> "Text":
        from rich.text import Text

        theme, gap = self._theme, " " * _GAP
        strong = CRITICAL_STYLE if action.on_critical_path else ""
        line = Text().append(theme.cell(action.id, self._id), style=strong)
        if self._name:
            line.append(gap + theme.cell(_name(action), self._name))
        if self._kind:
            line.append(gap + theme.cell(_kind(action), self._kind), style=TYPE_STYLES[action.type])
        line.append(gap + format_seconds(action.estimate_seconds).rjust(self._estimate))
        if self._source:
            line.append(gap + theme.cell(action.estimate_source, self._source), style="dim")
        line.append(gap + _freedom(action), style=strong or "dim")
        return line


def _widest(texts: Iterator[str]) -> int:
    from rich.cells import cell_len

    return max(map(cell_len, texts), default=0)


def _granted(wanted: int, room: int, least: int | None = None) -> int:
    """How wide a column may be in what room is left: as wanted, at least `least`, or not at all."""
    free = room - _GAP
    enough = wanted if least is None else min(wanted, least)
    return min(wanted, free) if free >= enough else 0


def _kind(action: PlannedAction) -> str:
    mode = "" if action.mode is ActionMode.ASYNC else f"{action.mode} "
    tools = listed(action.may_call) if action.may_call else ""
    may_call = f" may call {tools}" if tools else ""
    return f"{mode}{action.type} {action.target or ''}".rstrip() + may_call


def _name(action: PlannedAction) -> str:
    return "" if slug(action.name) == slug(action.id) else action.name


def _freedom(action: PlannedAction) -> str:
    """What there is to say of the time of an action beside its estimate."""
    if action.on_critical_path:
        return "critical"
    if action.estimate_seconds > 0 and action.end_seconds <= action.start_seconds:
        return "not expected"
    if action.mode is ActionMode.FIRE_AND_FORGET:
        return "background"
    return f"slack {format_seconds(action.slack_seconds)}"

"""`cortex why`: why an action waited, ran, failed, was skipped or cancelled."""

from typing import TYPE_CHECKING, Annotated

import typer

from cortex_cli.cli.options import ColorOption, Debug, Format, FormatOption, Json
from cortex_cli.cli.recalling import Recalled, RunArgument, recall
from cortex_cli.cli.terminal import Terminal
from cortex_cli.errors import CortexError

if TYPE_CHECKING:
    from cortex_cli.ui.why import Told

ActionArgument = Annotated[
    str,
    typer.Argument(
        metavar="ACTION", help="An id, the ids that lead to it as in a/b, or a beginning."
    ),
]


def command(
    ctx: typer.Context,
    run: RunArgument,
    action: ActionArgument,
    form: FormatOption = Format.TEXT,
    as_json: Json = False,
    color: ColorOption = None,
    debug: Debug = False,
) -> None:
    """Say why an action waited, ran, failed, was skipped, cancelled or taken from the cache."""
    terminal = ctx.ensure_object(Terminal)
    terminal.adjust(debug=debug, json=as_json, form=form, color=color)
    print_why(terminal, recall(run), action)


def _cache_reason(recalled: Recalled, label: str) -> str | None:
    """Why the action was or was not taken from the cache, where that can be said."""
    if recalled.store is None:
        return None
    from cortex_cli.cli.cache_reasons import explain_cache

    try:
        return explain_cache(recalled.store.cache, recalled.events(), label)
    except CortexError:
        return None


def print_why(
    terminal: Terminal, recalled: Recalled, action: str, told: "Told | None" = None
) -> None:
    """Print the explanation; `told` is what the store knows beside the events."""
    from cortex_cli.ui.line import print_lines
    from cortex_cli.ui.naming import the_one
    from cortex_cli.ui.run_story import tell
    from cortex_cli.ui.why import Told, why
    from cortex_cli.ui.why_text import why_lines

    story = tell(recalled.events())
    by_label = {one.label: one for one in story}
    meant = by_label[the_one(by_label, action)]
    if told is None:
        told = Told(cache=_cache_reason(recalled, meant.label))
    explanation = why(story, meant, recalled.events(), told)
    if terminal.json:
        terminal.write_json(explanation)
        return
    console = terminal.console()
    with console.capture() as capture:
        width = max(40, console.width)
        print_lines(console, why_lines(explanation, terminal.theme(), width))
    terminal.write(capture.get())

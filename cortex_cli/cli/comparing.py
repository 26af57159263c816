"""Compares two runs that are kept."""

from cortex_cli.cli.recalling import Recalled
from cortex_cli.cli.terminal import Terminal


def print_diff(terminal: Terminal, first: Recalled, second: Recalled) -> None:
    """Print what is different between two runs."""
    from cortex_cli.ui.diff_text import diff_lines
    from cortex_cli.ui.line import print_lines
    from cortex_cli.ui.run_diff import diff_runs
    from cortex_cli.ui.run_list import entry_of
    from cortex_cli.ui.run_story import tell

    before, after = tell(first.events()), tell(second.events())
    entries = (entry_of(before.view, first.about), entry_of(after.view, second.about))
    diff = diff_runs(before, after, entries)
    if terminal.json:
        terminal.write_json(diff)
        return
    console = terminal.console()
    with console.capture() as capture:
        print_lines(console, diff_lines(diff, terminal.theme(), max(40, console.width)))
    terminal.write(capture.get())

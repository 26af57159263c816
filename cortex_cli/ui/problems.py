"""How problems are printed: one line each, errors first."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from cortex_cli.errors import Problem
from cortex_cli.kinds import Severity
from cortex_cli.ui.theme import SEVERITY_STYLES, Theme

if TYPE_CHECKING:
    from rich.console import Console

_ORDER = tuple(Severity)
_PLAIN = Theme()


def format_problem(problem: Problem, theme: Theme = _PLAIN) -> str:
    """A problem as one safe line: `file:line:column: message; hint`.

    A warning or a note says so before its message; an error doesn't, and without a file there is
    no place.
    """
    return "".join(part for part, _ in _parts(problem, theme))


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Errors, then warnings, then notes, each by file, as the files first occur, and by place."""
    problems = list(problems)
    files = {file: place for place, file in enumerate(dict.fromkeys(p.file for p in problems))}

    def key(problem: Problem) -> tuple[int, int, int, int]:
        severity = _ORDER.index(problem.severity)
        return (severity, files[problem.file], problem.line or 0, problem.column or 0)

    return sorted(problems, key=key)


def count_problems(problems: Sequence[Problem]) -> str:
    """How many there are of each severity: `2 errors, 1 warning`."""
    found = Counter(problem.severity for problem in problems)
    named = [(found[severity], severity.value) for severity in _ORDER if found[severity]]
    return ", ".join(f"{count:,} {word}{'s' if count > 1 else ''}" for count, word in named)


def print_problems(console: "Console", problems: Iterable[Problem], theme: Theme = _PLAIN) -> None:
    """Print the problems in order and, if there are several, how many; nothing for none.

    A line longer than the screen is left for the terminal to wrap, so that what is copied or
    piped is whole.
    """
    from rich.text import Text

    ordered = in_order(problems)
    for problem in ordered:
        console.print(Text.assemble(*_parts(problem, theme)), soft_wrap=True)
    if len(ordered) > 1:
        console.print(Text(count_problems(ordered), style="bold"), soft_wrap=True)


def _parts(problem: Problem, theme: Theme) -> list[tuple[str, str]]:
    """The pieces of the line, each safe, with its style."""
    style = SEVERITY_STYLES[problem.severity]
    parts: list[tuple[str, str]] = []
    if problem.place:
        parts.append((f"{theme.line(problem.place)}: ", style))
    if problem.severity is not Severity.ERROR:
        parts.append((f"{problem.severity}: ", style))
    parts.append((theme.line(problem.message), ""))
    if problem.hint:
        parts.append((f"; {theme.line(problem.hint)}", "dim"))
    return parts

"""What the person at the terminal is shown of a failure, and how the answer is read."""

from cortex_cli.engine.people import Failure
from cortex_cli.kinds import Effect, WayOn

_WORDS = {
    WayOn.RETRY: frozenset({"r", "retry"}),
    WayOn.SKIP: frozenset({"s", "skip", ""}),
    WayOn.STOP: frozenset({"t", "stop"}),
}
_CHOICES = "  [r]etry  [s]kip it, and what needs it  s[t]op the run  skip [a]ll that fail: "
_MOST_LINES = 5
_LONGEST_LINE = 500


def way_in(answer: str) -> WayOn | None:
    """The way that an answer names by its word or letter; nothing at all is `skip`."""
    word = answer.strip().lower()
    return next((way for way, words in _WORDS.items() if word in words), None)


def worded(failure: Failure) -> str:
    """The question: what has failed, with what, why, and what can be done."""
    from cortex_cli.ui.preview import preview
    from cortex_cli.ui.sanitise import safe_line

    action = failure.action
    what = f"{action.type} '{action.target}'" if action.target else str(action.type)
    lines = [f"{failure.text} ({what})"]
    if failure.parameters:
        lines.append(f"  with {preview(failure.parameters)}")
    told = failure.error.splitlines() or [failure.error_type]
    lines += [f"  {_cut(line)}" for line in told[:_MOST_LINES]]
    if action.world_effect is Effect.EXTERNAL:
        lines.append("  What it has done to the world by now, a retry may do again.")
    return "\n".join([*map(safe_line, lines), _CHOICES])


def _cut(line: str) -> str:
    return line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}…"

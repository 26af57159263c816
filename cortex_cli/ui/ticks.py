"""Round times for the axis of a time line."""

from cortex_cli.ui.stopwatch import seconds_text

_STEPS = (
    *(factor / scale for scale in (1_000, 100, 10) for factor in (1, 2, 5)),
    *(1, 2, 5, 10, 15, 30),
    *(60 * minutes for minutes in (1, 2, 5, 10, 15, 30)),
    *(3_600 * hours for hours in (1, 2, 4, 12, 24, 48, 120, 240, 480)),
)


def ticks(span: float, most: float) -> list[tuple[float, str]]:
    """Round times from 0 to `span` seconds, at most about `most` steps, each with its label."""
    least = span / max(most, 1)
    step = next((step for step in _STEPS if step >= least), least)
    return [(number * step, _label(number * step)) for number in range(int(span / step) + 1)]


def _label(seconds: float) -> str:
    for unit, length in (("h", 3_600), ("m", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:g}{unit}"
    return f"{seconds:.4g}s" if seconds < 60 else seconds_text(seconds)

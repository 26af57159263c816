"""When to show what of a recorded run, so that it is seen at its own pace or faster; pure."""

from collections.abc import Iterable, Iterator

from cortex_cli.events import Event

FRAME_SECONDS = 1 / 8


def paced(events: Iterable[Event], speed: float) -> Iterator[tuple[float, float, Event | None]]:
    """Pauses, the run's time and what comes then: an event, or None for a frame to be drawn.

    Each is (seconds to wait first, seconds since 1970 in the run, event). The pauses add up to the
    run's own time divided by `speed`, which is above 0; no pause is longer than a frame.
    """
    shown: float | None = None
    for event in events:
        at = event.seconds
        shown = at if shown is None else shown
        step = FRAME_SECONDS * speed
        while at - shown >= step:
            shown += step
            yield FRAME_SECONDS, shown, None
        yield 0.0, at, event

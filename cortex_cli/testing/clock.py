"""`FakeClock`: the engine's clock on virtual time."""


class FakeClock:
    """Time that stands still until `advance` moves it.

    `now()` starts at 0 and `wall()` at `started_at`, both in seconds; both move together.
    """

    def __init__(self, started_at: float = 1_700_000_000.0) -> None:
        """`started_at` is the wall time at which the clock begins, in seconds since 1970."""
        self._started_at = started_at
        self._now = 0.0

    def now(self) -> float:
        """Seconds since the clock was made."""
        return self._now

    def wall(self) -> float:
        """Seconds since 1970."""
        return self._started_at + self._now

    def advance(self, seconds: float) -> None:
        """Move the time on; ValueError for a negative step."""
        if seconds < 0:
            message = "time does not run backwards"
            raise ValueError(message)
        self._now += seconds

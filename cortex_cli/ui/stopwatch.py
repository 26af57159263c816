"""Times that run or were measured, in columns that don't jump (`durations` is for plans)."""


def seconds_text(seconds: float, decimals: int = 2) -> str:
    """A duration in at most six columns up to 100 hours: `0.41s`, `12.4s`, `2m05s`, `1h02m`.

    `decimals` is for durations below ten seconds.
    """
    seconds = max(0.0, seconds)
    if round(seconds, decimals) < 10:
        return f"{seconds:.{decimals}f}s"
    if round(seconds, 1) < 60:
        return f"{seconds:.1f}s"
    return _in_two_units(round(seconds))


def about(seconds: float) -> str:
    """A guess at a duration, no finer than a guess may be: `8s`, `1m40s`, `2h10m`."""
    whole = max(1, round(seconds))
    return f"{whole}s" if whole < 60 else _in_two_units(round(whole, -1))


def _in_two_units(whole: int) -> str:
    if whole < 3_600:
        return f"{whole // 60}m{whole % 60:02}s"
    return f"{whole // 3_600:,}h{whole % 3_600 // 60:02}m"

"""Lengths of time and ratios, as people read them."""

_MINUTE = 60.0
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
_STILL_IN_SECONDS = 10 * _MINUTE
_STILL_IN_DETAIL = 100 * _DAY
_MOST_DAYS = 100_000


def format_seconds(seconds: float) -> str:
    """A length of time with its unit: `350 ms`, `3.2 s`, `240 s`, `12 m 05 s`, `3 h 04 m`.

    Seconds up to ten minutes, so that the figures of a small plan can be added up at a glance.
    ASCII, at most 10 columns below a thousand years; a negative length is shown as none.
    """
    if seconds <= 0:
        return "0 s"
    if seconds < 0.9995:
        return f"{max(1, round(seconds * 1_000))} ms"
    if seconds < 9.95:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    if seconds < _STILL_IN_SECONDS - 0.5:
        return f"{seconds:.0f} s"
    return _in_two_units(seconds)


def format_ratio(ratio: float) -> str:
    """How many times as much: `1.4x`, `12x`."""
    return f"{ratio:.1f}x" if ratio < 9.95 else f"{ratio:.0f}x"


def _in_two_units(seconds: float) -> str:
    if seconds < _HOUR - 0.5:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes} m {rest:02} s"
    if seconds < _DAY - 30:
        hours, rest = divmod(round(seconds / _MINUTE), 60)
        return f"{hours} h {rest:02} m"
    if seconds < _STILL_IN_DETAIL:
        days, rest = divmod(round(seconds / _HOUR), 24)
        return f"{days} d {rest:02} h"
    days = seconds / _DAY
    return f"{days:,.0f} d" if days < _MOST_DAYS else f"{days:.3g} d"

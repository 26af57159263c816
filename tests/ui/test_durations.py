import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cortex_cli.ui.durations import format_ratio, format_seconds


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-1.0, "0 s"),
        (0.0, "0 s"),
        (0.000_01, "1 ms"),
        (0.35, "350 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1 s"),
        (3.24, "3.2 s"),
        (9.949, "9.9 s"),
        (9.96, "10 s"),
        (240.0, "240 s"),
        (599.4, "599 s"),
        (599.6, "10 m 00 s"),
        (725.0, "12 m 05 s"),
        (3_599.4, "59 m 59 s"),
        (3_599.6, "1 h 00 m"),
        (11_040.0, "3 h 04 m"),
        (86_369.0, "23 h 59 m"),
        (86_371.0, "1 d 00 h"),
        (187_200.0, "2 d 04 h"),
        (8_640_000.0, "100 d"),
        (1e9, "11,574 d"),
        (1e308, "1.16e+303 d"),
        (float("inf"), "inf d"),
    ],
)
def test_a_length_of_time_is_shown_with_its_unit(seconds: float, shown: str) -> None:
    assert format_seconds(seconds) == shown


@given(st.floats(min_value=0, max_value=3e10))
@settings(deadline=None)
def test_a_length_of_time_is_never_wider_than_ten_columns(seconds: float) -> None:
    shown = format_seconds(seconds)
    assert len(shown) <= 10
    assert shown.isascii()


@pytest.mark.parametrize(
    ("ratio", "shown"),
    [(1.0, "1.0x"), (1.375, "1.4x"), (9.96, "10x"), (12.3, "12x"), (1_234.5, "1234x")],
)
def test_a_ratio_has_one_decimal_while_it_is_small(ratio: float, shown: str) -> None:
    assert format_ratio(ratio) == shown

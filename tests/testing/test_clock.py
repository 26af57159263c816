import pytest

from cortex_cli.testing import FakeClock


def test_time_stands_still_until_it_is_moved() -> None:
    clock = FakeClock(started_at=100.0)
    assert (clock.now(), clock.wall()) == (0.0, 100.0)
    clock.advance(2.5)
    assert (clock.now(), clock.wall()) == (2.5, 102.5)


def test_time_does_not_run_backwards() -> None:
    with pytest.raises(ValueError, match="backwards"):
        FakeClock().advance(-1)

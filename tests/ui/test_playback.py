import pytest

from cortex_cli.ui.playback import FRAME_SECONDS, paced
from tests.ui.past_runs import build
from tests.ui.script import START_SECONDS, Script


@pytest.mark.parametrize("speed", [0.5, 1.0, 4.0, 1_000.0])
def test_a_run_takes_its_own_time_divided_by_the_speed(speed: float) -> None:
    steps = list(paced(build().events, speed))
    assert [event for _, _, event in steps if event] == build().events
    assert abs(sum(pause for pause, _, _ in steps) - 7.0 / speed) <= FRAME_SECONDS
    assert all(pause <= FRAME_SECONDS for pause, _, _ in steps)


def test_between_events_a_frame_is_drawn_eight_times_a_second() -> None:
    script = Script().start().at(1).begin("a")
    frames = [at - START_SECONDS for _, at, event in paced(script.events, 2.0) if event is None]
    assert frames == [0.25, 0.5, 0.75, 1.0]


def test_nothing_takes_no_time() -> None:
    assert list(paced([], 1.0)) == []

import anyio
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


async def test_sleepers_wake_in_the_order_of_their_moments() -> None:
    clock = FakeClock()
    woken: list[float] = []

    async def sleeper(moment: float) -> None:
        await clock.sleep_until(moment)
        woken.append(moment)

    async with anyio.create_task_group() as tasks:
        for moment in (3.0, 1.0, 2.0):
            tasks.start_soon(sleeper, moment)
        await anyio.wait_all_tasks_blocked()
        assert clock.next_wake == 1.0
        clock.advance(1.0)
        await anyio.wait_all_tasks_blocked()
        assert woken == [1.0]
        clock.advance(10.0)
    assert sorted(woken) == [1.0, 2.0, 3.0]
    assert clock.next_wake is None


async def test_sleeping_until_the_past_returns_at_once() -> None:
    clock = FakeClock()
    clock.advance(5.0)
    await clock.sleep_until(5.0)
    await clock.sleep_until(1.0)

"""The signals of a run are obeyed from its beginning until it is said that it is over."""

import signal
from collections.abc import Iterator
from types import FrameType

import anyio
import pytest

from cortex_cli.cli.interruption import Interruption

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture
def anyio_backend() -> str:
    """That of the command line."""
    return "asyncio"


@pytest.fixture
def interruption(monkeypatch: pytest.MonkeyPatch) -> Iterator[Interruption]:
    monkeypatch.setenv("CORTEX_RUN_MARK", "")
    before = {number: signal.getsignal(number) for number in (*SIGNALS, signal.SIGUSR1)}
    yield Interruption()
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
async def test_first_signal_cancels(interruption: Interruption, number: signal.Signals) -> None:
    async with anyio.create_task_group() as tasks:
        with anyio.fail_after(5):
            tasks.start_soon(interruption.obey, tasks.cancel_scope.cancel)
            await anyio.wait_all_tasks_blocked()
            signal.raise_signal(number)
            await anyio.sleep_forever()
    assert interruption.signal == number


async def test_other_signals_cancel_nothing(interruption: Interruption) -> None:
    heard = anyio.Event()

    def hear(_number: int, _frame: FrameType | None) -> None:
        heard.set()

    signal.signal(signal.SIGUSR1, hear)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(interruption.obey, tasks.cancel_scope.cancel)
        await anyio.wait_all_tasks_blocked()
        signal.raise_signal(signal.SIGUSR1)
        await heard.wait()
        await anyio.wait_all_tasks_blocked()
        assert not tasks.cancel_scope.cancel_called
        tasks.cancel_scope.cancel()
    assert interruption.signal is None


async def test_signals_are_still_taken_between_the_end_and_the_leave(
    interruption: Interruption,
) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(interruption.obey, tasks.cancel_scope.cancel)
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    signal.raise_signal(signal.SIGTERM)
    assert interruption.signal == signal.SIGTERM
    interruption.leave_at_once()
    with pytest.raises(SystemExit) as left:
        signal.raise_signal(signal.SIGTERM)
    assert left.value.code == 143

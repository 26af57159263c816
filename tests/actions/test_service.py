"""A service is started once, waited for, and ended with all that it has started."""

import os
import signal
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from cortex_cli.actions import service as service_module
from cortex_cli.actions.service import Deployment, Service, ServiceError
from cortex_cli.errors import ActionError

Started = Callable[..., AbstractAsyncContextManager[Service]]

UP = "import pathlib, time, subprocess, sys, os\npathlib.Path('new').write_text(str(os.getpid()))\npathlib.Path('new').rename('up')\n"
WAIT = "while True: time.sleep(9)\n"


@pytest.fixture
def service(tmp_path: Path, survivors: Any) -> Started:
    """A service made of Python code, that is up once it has written the file `up`."""

    @asynccontextmanager
    async def make(code: str, **changes: Any) -> AsyncGenerator[Service]:
        (tmp_path / "service.py").write_text(code)
        made = Service(
            Deployment(
                name="kv",
                argv=[sys.executable, "service.py"],
                folder=tmp_path,
                environment=survivors.env,
                log_folder=tmp_path,
                **{"grace_seconds": 2.0, **changes},
            )
        )
        try:
            yield made
        finally:
            await made.aclose()
            await made.aclose()
        assert survivors() == []

    return make


@pytest.fixture
def answers(tmp_path: Path) -> Callable[[], Any]:
    async def is_up() -> bool:
        return (tmp_path / "up").exists()

    return is_up


async def test_it_is_started_once_and_leaves_nothing(service: Started, answers: Any) -> None:
    async with service(UP + WAIT) as made:
        assert not made.has_started
        await made.start(answers)
        assert made.has_started
        await made.start(answers)
        await made.check()
        log = made.log
        assert log is not None
        assert log.exists()
    assert not log.parent.exists()


async def test_what_has_not_started_has_nothing_to_end(service: Started) -> None:
    async with service(WAIT) as made:
        await made.check()
    assert made.log is None


async def test_one_that_ends_before_it_answers_is_an_error(service: Started) -> None:
    async def never() -> bool:
        return False

    code = "print('a\\n\\n', *'bcde', sep='\\n', flush=True); raise SystemExit('port taken')"
    async with service(code) as made:
        with pytest.raises(ServiceError) as caught:
            await made.start(never)
        with pytest.raises(ServiceError, match="ended before it answered, with exit code 1"):
            await made.start(never)
    error = caught.value
    assert (error.error_type, error.retryable) == ("service", False)
    assert made.log is not None
    assert str(error) == (
        "the service of relic 'kv' ended before it answered, with exit code 1: "
        f"b | c | d | e | port taken; its log is {made.log}"
    )
    made.log.unlink()
    assert service_module._last_lines(made.log) == []


async def test_one_that_does_not_answer_in_time_is_an_error(service: Started) -> None:
    async def never() -> bool:
        return False

    async with service("import time\n" + WAIT, start_seconds=0.2) as made:
        with pytest.raises(ServiceError, match=r"did not answer within 0.2 s: its log is empty"):
            await made.start(never)


async def test_one_that_is_killed_meanwhile_is_an_error(
    service: Started, answers: Any, tmp_path: Path
) -> None:
    async with service(UP + WAIT) as made:
        await made.start(answers)
        os.kill(int((tmp_path / "up").read_text()), signal.SIGKILL)
        with pytest.raises(ServiceError, match="has ended, by signal 9"):
            await made.check()


async def test_what_it_has_started_and_lost_is_ended_too(service: Started, answers: Any) -> None:
    child = f"subprocess.Popen([sys.executable, '-c', {'import time; time.sleep(99)'!r}]"
    code = "import subprocess, sys\n" + child + ", start_new_session=True)\n" + UP + WAIT
    async with service(code) as made:
        await made.start(answers)


async def test_a_cancelled_wait_leaves_the_service_to_others(
    service: Started, answers: Any
) -> None:
    async with service(UP + WAIT) as made:

        async def never() -> bool:
            return False

        with anyio.move_on_after(0.2) as waiting:
            await made.start(never)
        assert waiting.cancelled_caught
        await made.start(answers)


async def test_a_folder_that_is_missing_is_told(tmp_path: Path) -> None:
    made = Service(Deployment(name="kv", argv=["x"], folder=tmp_path / "no", environment={}))

    async def never() -> bool:
        return False

    with pytest.raises(ActionError, match="does not exist"):
        await made.start(never)
    await made.aclose()

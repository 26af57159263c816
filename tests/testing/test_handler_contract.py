from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest

from cortex_cli.engine.ports import ActionCall
from cortex_cli.errors import ActionError
from cortex_cli.testing import make_call
from cortex_cli.testing.handler_contract import (
    check_attempts_do_not_mix,
    check_cancellation_is_prompt,
    check_failure_is_an_action_error,
    check_output_is_json,
)


@dataclass
class Does:
    """A handler that does what the test says."""

    what: Callable[[ActionCall], Awaitable[Any]]
    running: int = 0
    seen: list[Any] = field(default_factory=list[Any])

    async def run(self, call: ActionCall) -> Any:
        self.running += 1
        try:
            return await self.what(call)
        finally:
            self.running -= 1


async def echo(call: ActionCall) -> Any:
    await anyio.lowlevel.checkpoint()
    return dict(call.parameters)


async def sleep_for_ever(_: ActionCall) -> Any:
    await anyio.sleep_forever()


async def test_a_json_output_passes() -> None:
    await check_output_is_json(Does(echo), make_call({"a": [1, None, "ü"]}))


async def test_an_output_that_json_changes_is_caught() -> None:
    with pytest.raises(AssertionError, match="comes back from JSON"):
        await check_output_is_json(Does(echo), make_call({"a": (1, 2)}))


async def test_an_action_error_passes_and_is_returned() -> None:
    async def fail(_: ActionCall) -> Any:
        message = "it broke"
        raise ActionError(message, error_type="broken")

    error = await check_failure_is_an_action_error(Does(fail), make_call())
    assert error.error_type == "broken"


async def test_a_call_that_does_not_fail_is_caught() -> None:
    with pytest.raises(AssertionError, match="did not fail"):
        await check_failure_is_an_action_error(Does(echo), make_call())


@pytest.mark.parametrize(
    ("message", "word"), [(" ", "broken"), ("a\nb", "broken"), ("a", "two words"), ("a", "x" * 50)]
)
async def test_an_error_nobody_can_use_is_caught(message: str, word: str) -> None:
    async def fail(_: ActionCall) -> Any:
        raise ActionError(message, error_type=word)

    with pytest.raises(AssertionError):
        await check_failure_is_an_action_error(Does(fail), make_call())


async def test_a_handler_that_ends_when_cancelled_passes() -> None:
    handler = Does(sleep_for_ever)
    await check_cancellation_is_prompt(
        handler,
        make_call(),
        when_running=lambda: handler.running == 1,
        leaves_nothing=lambda: handler.running == 0,
    )


async def test_a_handler_that_leaves_something_is_caught() -> None:
    handler = Does(sleep_for_ever)
    with pytest.raises(AssertionError, match="something is left"):
        await check_cancellation_is_prompt(
            handler,
            make_call(),
            when_running=lambda: handler.running == 1,
            leaves_nothing=lambda: False,
        )


async def test_a_handler_that_ends_by_itself_cannot_be_checked_for_cancelling() -> None:
    with pytest.raises(ExceptionGroup) as caught:
        await check_cancellation_is_prompt(
            Does(echo), make_call(), when_running=lambda: False, leaves_nothing=lambda: True
        )
    assert caught.group_contains(AssertionError, match="ended before")


async def test_attempts_with_parameters_of_their_own_pass() -> None:
    await check_attempts_do_not_mix(Does(echo), [make_call({"n": n}) for n in range(5)])


async def test_attempts_that_share_state_are_caught() -> None:
    handler = Does(echo)

    async def count(_: ActionCall) -> Any:
        handler.seen.append(None)
        return len(handler.seen)

    handler.what = count
    with pytest.raises(AssertionError, match="one after the other"):
        await check_attempts_do_not_mix(handler, [make_call(), make_call()])

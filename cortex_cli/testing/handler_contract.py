"""What every handler promises the engine, as checks that tests call with a handler of theirs.

Each check is a plain async function that raises AssertionError where the promise is broken; it
runs on whatever loop the test runs on.
"""

from collections.abc import Callable

import anyio
import msgspec

from cortex_cli.engine.ports import ActionCall, Handler
from cortex_cli.errors import ActionError

PROMPT_SECONDS = 7.0
_LONGEST_WORD = 40


async def check_output_is_json(handler: Handler, call: ActionCall) -> None:
    """The output of `call` survives the way to JSON and back unchanged."""
    output = await handler.run(call)
    again = msgspec.json.decode(msgspec.json.encode(output))
    assert again == output, f"{output!r} comes back from JSON as {again!r}"


async def check_failure_is_an_action_error(handler: Handler, failing: ActionCall) -> ActionError:
    """`failing` raises ActionError, with one line for people and a word for programs.

    Returns the error, for the test to look at.
    """
    failure: ActionError | None = None
    output: object = None
    try:
        output = await handler.run(failing)
    except ActionError as error:
        failure = error
    assert failure is not None, f"the call did not fail, it returned {output!r}"
    assert str(failure).strip(), "the error says nothing"
    assert "\n" not in str(failure), f"the error is more than one line: {failure}"
    assert failure.error_type.isidentifier(), f"'{failure.error_type}' is no stable word"
    assert len(failure.error_type) <= _LONGEST_WORD, "a word for programs is short"
    return failure


async def check_cancellation_is_prompt(
    handler: Handler,
    endless: ActionCall,
    *,
    when_running: Callable[[], bool],
    leaves_nothing: Callable[[], bool],
) -> None:
    """Cancelling `endless` ends it within 7 seconds, and then `leaves_nothing()` is true.

    `when_running` says whether the work has begun; it is asked every few milliseconds.
    """
    ended = False
    began_to_cancel = 0.0

    async def attempt() -> None:
        nonlocal ended
        try:
            await handler.run(endless)
        finally:
            ended = True

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(attempt)
        while not when_running():
            assert not ended, "the call ended before it could be cancelled"
            await anyio.sleep(0.005)
        began_to_cancel = anyio.current_time()
        tasks.cancel_scope.cancel()
    took = anyio.current_time() - began_to_cancel
    assert ended
    assert took <= PROMPT_SECONDS, f"cancelling took {took:.1f} seconds"
    assert leaves_nothing(), "something is left after cancelling"


async def check_attempts_do_not_mix(handler: Handler, calls: list[ActionCall]) -> None:
    """The calls give the same outputs at once as one after the other."""
    alone = [await handler.run(call) for call in calls]
    together: list[object] = [None] * len(calls)

    async def attempt(place: int) -> None:
        together[place] = await handler.run(calls[place])

    async with anyio.create_task_group() as tasks:
        for place in range(len(calls)):
            tasks.start_soon(attempt, place)
    assert together == alone, f"one after the other {alone!r}, at once {together!r}"

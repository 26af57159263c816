"""Asking a service again that was not there for a moment."""

import random
from collections.abc import Awaitable, Callable
from typing import Any

from cortex_cli.errors import ActionError

IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE"})
"""The methods that may be sent again after an answer was lost."""

PASSING = frozenset({502, 503, 504})
"""What a service answers whose place is being changed."""

TRIES = 3
_FIRST_PAUSE = 0.2


class PassingError(Exception):
    """A failure that may be over in a moment; `error` is the one to tell if it is not."""

    def __init__(self, error: ActionError) -> None:
        super().__init__(str(error))
        self.error = error


async def persist(send: Callable[[], Awaitable[Any]]) -> Any:
    """What `send` returns, at the third PassingError at last; else the error that it carries.

    Waits between the tries, 0.2 s and 0.4 s at most, by chance half of it or more, so that not
    all who wait come back at once.
    """
    import anyio

    for number in range(1, TRIES):
        try:
            return await send()
        except PassingError:
            longest = _FIRST_PAUSE * 2 ** (number - 1)
            await anyio.sleep(random.uniform(longest / 2, longest))
    try:
        return await send()
    except PassingError as last:
        raise last.error from last

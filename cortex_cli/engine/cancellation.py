"""Whether a task is being cancelled, and what is still done when it is."""

import asyncio
import math
from collections.abc import AsyncIterator

import anyio

_CLOSE_SECONDS = 1.0


def is_being_cancelled() -> bool:
    """Whether the current task, or a scope that it is in, has been asked to end.

    On asyncio awaiting a task that was cancelled raises the same exception as being cancelled.
    """
    if anyio.current_effective_deadline() == -math.inf:
        return True
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return True
    return task is not None and task.cancelling() > 0


async def close(pieces: AsyncIterator[object]) -> None:
    """Close a stream, also while being cancelled; for a second at most."""
    aclose = getattr(pieces, "aclose", None)
    if aclose is not None:
        with anyio.CancelScope(shield=True, deadline=anyio.current_time() + _CLOSE_SECONDS):
            await aclose()

"""Whether a task is being cancelled, or has only met a cancellation of something else."""

import asyncio
import math

import anyio


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

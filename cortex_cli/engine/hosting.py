"""Tasks of the event loop's own, for what outlives the call that needs it first: a run, a server.

Whoever starts one ends it, and waits for that.
"""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable

from cortex_cli.engine.clock import call_soon
from cortex_cli.engine.ports import Soon

# The event loop keeps only weak references to its tasks.
_hosted: set[asyncio.Task[None]] = set()


def spawn(host: Callable[[], Awaitable[None]], name: str = "cortex run") -> Soon:
    """Start a background task of the running event loop; `host` raises nothing but cancellation.

    Returns how to have a function called in that loop soon, from any thread.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return _spawn_on_trio(host, name)

    async def task() -> None:
        await host()

    hosted = loop.create_task(task(), name=name)
    _hosted.add(hosted)
    hosted.add_done_callback(_hosted.discard)
    return call_soon()


def _spawn_on_trio(host: Callable[[], Awaitable[None]], name: str) -> Soon:
    import trio

    context = contextvars.copy_context()
    trio.lowlevel.spawn_system_task(host, name=name, context=context)
    return call_soon()

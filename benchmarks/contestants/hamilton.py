"""Hamilton: functions whose parameters name the functions they come after."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from inspect import Parameter, Signature
from typing import Any

from hamilton import ad_hoc_utils, async_driver

from benchmarks.contestants import Run
from benchmarks.record import Perform
from benchmarks.workloads import Workload


@asynccontextmanager
async def prepare(workload: Workload, perform: Perform) -> AsyncGenerator[Run]:
    """A function per action in a module made for it, behind the async driver."""
    slots = asyncio.Semaphore(workload.slots)

    def function(number: int) -> Callable[..., Any]:
        async def act(**_waited: int) -> int:
            async with slots:
                return await perform(number)

        names = [f"a{parent}" for parent in workload.waits[number]]
        kind = Parameter.KEYWORD_ONLY
        parameters = [Parameter(name, kind, annotation=int) for name in names]
        act.__name__ = f"a{number}"
        act.__annotations__ = {**dict.fromkeys(names, int), "return": int}
        vars(act)["__signature__"] = Signature(parameters, return_annotation=int)
        return act

    functions = [function(number) for number in range(len(workload))]
    module = ad_hoc_utils.create_temporary_module(*functions)
    driver = await async_driver.Builder().with_modules(module).build()
    wanted = [f"a{number}" for number in workload.sinks()]

    async def run() -> None:
        await driver.execute(wanted)

    yield run

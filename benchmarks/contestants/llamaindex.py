"""LlamaIndex Workflows: an event for each action that has become ready, one step for all."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from workflows import Context, Workflow, step
from workflows.events import Event, StartEvent, StopEvent

from benchmarks.contestants import Run
from benchmarks.record import Perform
from benchmarks.workloads import Workload


class Ready(Event):
    """All that an action waits for has ended."""

    number: int


class Countdown:
    """What each action still waits for, in one run."""

    def __init__(self, workload: Workload) -> None:
        self._children = workload.children()
        self._waiting = [len(waits) for waits in workload.waits]
        self._left = len(workload)

    def first(self) -> list[Ready]:
        """The actions that wait for nothing."""
        return [Ready(number=number) for number, count in enumerate(self._waiting) if not count]

    def after(self, number: int) -> list[Ready]:
        """The actions that have become ready by the end of one."""
        self._left -= 1
        for child in self._children[number]:
            self._waiting[child] -= 1
        ready = (child for child in self._children[number] if not self._waiting[child])
        return [Ready(number=child) for child in ready]

    @property
    def is_over(self) -> bool:
        """Whether all actions have ended."""
        return not self._left


@asynccontextmanager
async def prepare(workload: Workload, perform: Perform) -> AsyncGenerator[Run]:
    """The step sends an event for each action that its own has made ready."""
    countdown = Countdown(workload)

    class Plan(Workflow):
        @step
        async def begin(self, ctx: Context, _ev: StartEvent) -> Ready | None:
            for event in countdown.first():
                ctx.send_event(event)

        @step(num_workers=workload.slots)
        async def act(self, ctx: Context, ev: Ready) -> Ready | StopEvent | None:
            await perform(ev.number)
            for event in countdown.after(ev.number):
                ctx.send_event(event)
            return StopEvent() if countdown.is_over else None

    plan = Plan(timeout=None)

    async def run() -> None:
        await plan.run()

    yield run

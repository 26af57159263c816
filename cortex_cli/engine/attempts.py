"""Attempts of actions: how each begins, what its end means, and when the next one follows."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from cortex_cli.engine.bus import Bus
from cortex_cli.engine.caching import CachedOutput, Caching
from cortex_cli.engine.context import as_text
from cortex_cli.engine.items import items_in
from cortex_cli.engine.job import Broken, Done, Halted, Job, Pool, Result, Stopped, TimedOut
from cortex_cli.engine.ledger import ActionRecord
from cortex_cli.engine.masked_reporter import MaskedReporter
from cortex_cli.engine.ports import ActionCall, Clock, Reporter
from cortex_cli.engine.reporter import ActionReporter
from cortex_cli.engine.retry import Random, delay_before
from cortex_cli.engine.timers import Alarm, Timers
from cortex_cli.errors import ActionError, CortexError
from cortex_cli.events import (
    ActionQueued,
    ActionQueuedData,
    ActionRetrying,
    ActionRetryingData,
    ActionStarted,
    ActionStartedData,
)
from cortex_cli.kinds import CancelReason, QueueReason
from cortex_cli.plan.references import resolve
from cortex_cli.plan.scheduler import Scheduler
from cortex_cli.plan.traits import Traits


@dataclass(slots=True, kw_only=True)
class Attempts:
    """Begins and ends the attempts of a run's actions.

    `settle` performs what the scheduler makes of a fact; `halt` ends the run, because the task that
    hosts it is being cancelled; `observe`, where there is one, hears how each attempt ends.
    `caching`, where there is one, uses earlier outputs again; `heal` hears of each action that has
    failed for good, before the scheduler does; `rescue`, where there is one, may keep it from that,
    and says whether it does. `can_ask`: a person can be asked. `is_ending`: nothing new is begun
    any more.
    """

    bus: Bus
    clock: Clock
    random: Random
    scheduler: Scheduler
    pool: Pool
    timers: Timers
    settle: Callable[[], None]
    halt: Callable[[], None]
    observe: Callable[[Result], None] | None = None
    run_dir: Path | None = None
    caching: Caching | None = None
    is_ending: bool = False
    can_ask: bool = False
    heal: Callable[[ActionRecord, ActionError], None] | None = None
    rescue: Callable[[ActionRecord, ActionError], bool] | None = None

    def announce(self, record: ActionRecord) -> ActionCall:
        """Count and publish a new attempt; ActionError if its parameters can't be resolved."""
        record.attempt += 1
        record.timer = None
        now = self.clock.now()
        if record.started is None:
            record.started = now
        reporter = ActionReporter(record.ledger.spec.protocol, record)
        masker = self.bus.masker
        record.reporter = reporter if masker is None else MaskedReporter(reporter, masker)
        traits = record.traits
        parameters: dict[str, Any] = {}
        try:
            call = self._call(record, traits, record.reporter)
            parameters = {**call.parameters}
        finally:
            started = ActionStartedData(
                type=traits.type,
                mode=traits.mode,
                target=traits.target,
                attempt=record.attempt,
                parameters=parameters,
                operation=traits.operation,
            )
            self.bus.action_event(ActionStarted, record.ledger.stamp, traits, started, now)
        return call

    def _call(self, record: ActionRecord, traits: Traits, report: Reporter) -> ActionCall:
        ledger = record.ledger
        parameters, env, cwd = traits.parameters, ledger.context.variables, None
        if not traits.is_plain:
            parameters = resolve(parameters, record.lookup)
            env, cwd = _environment(record), _folder(record)
        return ActionCall(
            action=record.action,
            parameters=parameters,
            env=env,
            cwd=cwd,
            attempt=record.attempt,
            is_last_attempt=not self._may_retry(record),
            timeout=traits.timeout,
            execution_id=self.bus.execution_id,
            path=ledger.stamp.path,
            masker=self.bus.masker,
            run_dir=self.run_dir,
            report=report,
        )

    def announce_items(self, record: ActionRecord) -> list[Any]:
        """Publish that an action begins that is repeated for each item of a list; the list."""
        record.attempt = 1
        record.started = self.clock.now()
        action = record.action
        started = ActionStartedData(
            type=action.type, mode=action.mode, target=action.target, attempt=1, parameters={}
        )
        record.emit(ActionStarted, started)
        return items_in(record)

    def begin(self, record: ActionRecord) -> None:
        """Begin an attempt of a tool, relic or llm action."""
        try:
            call = self.announce(record)
            handler = record.ledger.spec.targets.handler(record.action)
            if record.allowance is not None:
                call = replace(call, allowance=record.allowance)
            if self.caching is not None:
                handler = self.caching.around(handler, record)
        except CortexError as error:
            self.fail(record, as_action_error(error))
            return
        record.job = Job(handler, call, partial(self.end, record))
        self.submit(record.job)

    def submit(self, job: Job) -> None:
        """Have a worker take the job, once all that led to it is written down."""
        if self.bus.is_behind:
            self.bus.when_durable(partial(self._submit_recorded, job))
        else:
            self.pool.submit(job)

    def _submit_recorded(self, job: Job, error: CortexError | None) -> None:
        if error is not None:
            job.stop()
        self.pool.submit(job)

    def end(self, record: ActionRecord, result: Result) -> None:
        """A worker reports how an attempt has ended."""
        record.job = None
        if self.observe is not None:
            self.observe(result)
        if type(result) is Done:
            output, cached = result.output, False
            if type(output) is CachedOutput:
                output, cached = output.output, True
            record.ledger.note_completed(record, output, cached=cached)
            self.scheduler.completed(record.number)
        else:
            self._end_without_output(record, result)
        self.settle()

    def _end_without_output(self, record: ActionRecord, result: Result) -> None:
        if record.reporter is not None:
            record.reporter.close()
        match result:
            case Broken(error):
                self.fail(record, error)
            case TimedOut():
                self.fail(record, timed_out(record))
            case Stopped():
                self.cancel(record)
            case Halted():
                self.halt()
                if not record.is_ended:
                    self.cancel(record)
            case Done():
                pass

    def complete(
        self,
        record: ActionRecord,
        output: Any,
        not_chosen: tuple[int, ...] = (),
        *,
        cached: bool = False,
    ) -> None:
        """The action has ended well."""
        record.ledger.note_completed(record, output, cached=cached)
        self.scheduler.completed(record.number, not_chosen=not_chosen)

    def fail(self, record: ActionRecord, error: ActionError) -> None:
        """An attempt has failed: another follows, or the action has failed."""
        if record.cancel_reason is not None:
            self.cancel(record)
        elif error.retryable and self._may_retry(record):
            counted = record.attempt - record.forgiven
            delay = delay_before(counted, record.action.retry, self.random)
            self._back_off(record, error, max(delay, error.retry_after or 0.0))
        elif not self.is_ending and record.fall_back():
            self._back_off(record, error, 0.0)
        elif self.rescue is None or not self.rescue(record, error):
            self.fail_for_good(record, error)

    def fail_for_good(
        self, record: ActionRecord, error: ActionError, not_chosen: tuple[int, ...] = ()
    ) -> None:
        """The action has failed, whatever attempts are left."""
        record.ledger.note_failed(record, str(error), error.error_type)
        if self.heal is not None:
            self.heal(record, error)
        self.scheduler.failed(record.number, not_chosen=not_chosen)

    def cancel(self, record: ActionRecord) -> None:
        """An attempt, or the wait for the next, has been ended from outside."""
        reason = record.cancel_reason or CancelReason.CANCELLED
        record.ledger.note_cancelled(record, reason)
        self.scheduler.cancelled(record.number)

    def stop(self, record: ActionRecord, reason: CancelReason) -> None:
        """End an action that runs, or waits for its next attempt or for a slot to make it."""
        record.cancel_reason = reason
        if record.job is not None:
            record.job.stop()
            return
        if record.timer is not None:
            record.timer.stop()
        if record.asking is not None:
            record.asking.stop()
        self.cancel(record)

    def _may_retry(self, record: ActionRecord) -> bool:
        allowed = record.ledger.may_retry and not self.is_ending
        return allowed and record.attempt - record.forgiven < record.traits.max_attempts

    def _back_off(self, record: ActionRecord, error: ActionError, delay: float) -> None:
        data = ActionRetryingData(
            attempt=record.attempt,
            error=str(error),
            error_type=error.error_type,
            delay_seconds=delay,
        )
        record.emit(ActionRetrying, data)
        record.emit(ActionQueued, ActionQueuedData(reason=QueueReason.RETRY))
        self.scheduler.backing_off(record.number)
        record.timer = self.timers.after(
            delay, partial(self._retry_due, record), (Alarm.RETRY, record.key)
        )

    def _retry_due(self, record: ActionRecord) -> None:
        record.timer = None
        self.scheduler.retry_due(record.number)
        self.settle()


def timed_out(record: ActionRecord) -> ActionError:
    """The error of an attempt that took longer than it may."""
    return ActionError(f"timed out after {record.action.timeout:g} s", error_type="timeout")


def as_action_error(error: CortexError) -> ActionError:
    """The error of an action that could not begin, for a reason that lies outside of it."""
    if isinstance(error, ActionError):
        return error
    return ActionError(str(error), error_type="setup", retryable=False)


def _folder(record: ActionRecord) -> str | None:
    folder = record.resolve(record.action.cwd)
    if folder is None or isinstance(folder, str):
        return folder
    message = f"'cwd' must be a text, and {record.action.cwd!r} gives something else"
    raise ActionError(message, error_type="parameters", retryable=False)


def _environment(record: ActionRecord) -> dict[str, str]:
    variables = record.ledger.context.variables
    if not record.action.env:
        return variables
    own: dict[str, Any] = record.resolve(record.action.env)
    return {**variables, **{name: as_text(value) for name, value in own.items()}}

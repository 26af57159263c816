"""A run that is written down: begun or taken up again in the state folder, and finished there."""

import dataclasses
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Self

from msgspec.structs import replace

from cortex_cli.engine.cache import CacheUse
from cortex_cli.engine.clock import wall_seconds
from cortex_cli.engine.past import Past
from cortex_cli.engine.ports import Approver, RunRequest
from cortex_cli.errors import SetupError
from cortex_cli.events import (
    ActionCompleted,
    ActionFailed,
    ActionStarted,
    AgentEnded,
    Event,
    PlanExtended,
    StateCounts,
    Termination,
)
from cortex_cli.ids import execution_id
from cortex_cli.kinds import TerminationReason
from cortex_cli.report import PlannedAction
from cortex_cli.session.resumption import Resumption
from cortex_cli.session.sources import sources_of
from cortex_cli.settings import state_folder
from cortex_cli.store.history import Duration, DurationKey
from cortex_cli.store.records import RunEnded, RunOptions, RunRecord
from cortex_cli.store.run_folder import OpenRun
from cortex_cli.store.runs import RunStore

if TYPE_CHECKING:
    from cortex_cli.engine.stream import EventStream
    from cortex_cli.session.session import Session

DISTRIBUTION = "cortex-agent-loop"


def run_store(environ: Mapping[str, str], *, command: str = "cortex") -> RunStore:
    """The runs of the state folder that the environment names."""
    return RunStore(state_folder(environ), wall=wall_seconds, command=command)


@dataclass(slots=True, kw_only=True)
class Keeping:
    """What is asked of a run that is written down, besides its inputs.

    `approver` and `answers` as of `RunRequest`; `past`: what it takes over of another run.
    """

    store: RunStore
    options: RunOptions = field(default_factory=RunOptions)
    approver: Approver | None = None
    answers: Approver | None = None
    left_out: frozenset[str] = frozenset()
    past: Past | None = None


class KeptRun:
    """One run of a session in the state folder, from its first event here to its last."""

    def __init__(
        self, session: "Session", opened: OpenRun, request: RunRequest, store: RunStore
    ) -> None:
        """`opened` is the run's from now on, and is closed by `finish`."""
        self.run_id = opened.record.execution_id
        self.reason: TerminationReason | None = None
        self._session = session
        self._opened = opened
        self._request = dataclasses.replace(request, cache=_cache_use(session, opened, store))
        self._store = store
        self._end: AgentEnded | None = None
        self._begun: dict[tuple[tuple[str, ...], str], DurationKey] = {}
        self._durations: list[Duration] = []

    @classmethod
    def begin(cls, session: "Session", inputs: Mapping[str, Any], keeping: Keeping) -> Self:
        """A new run; SetupError if the state folder can't be written."""
        request = session.request
        source = request.source
        record = RunRecord(
            execution_id=execution_id(os.urandom(8)),
            name=session.program.name,
            kind=session.program.kind.value,
            manifest=session.manifest_path,
            manifest_text=source.decode("utf-8", "replace") if isinstance(source, bytes) else None,
            root=None if request.root is None else str(request.root.absolute()),
            cwd=str(request.cwd),
            inputs=dict(inputs),
            options=keeping.options,
            started_at=wall_seconds(),
            version=version(DISTRIBUTION),
            digests=session.digests(),
        )
        opened = keeping.store.create(record, session.settings.durability)
        sources = sources_of(session, opened.work)
        if sources is not None:
            opened.keep(sources)
        return cls(session, opened, _request(opened, inputs, keeping), keeping.store)

    @classmethod
    def take_up(
        cls, session: "Session", opened: OpenRun, resumption: Resumption, keeping: Keeping
    ) -> Self:
        """A run that goes on, from what it has done."""
        record = replace(
            opened.record,
            options=keeping.options,
            digests=session.digests(),
            forgotten={**opened.record.forgotten, **resumption.forgotten},
            version=version(DISTRIBUTION),
        )
        opened.amend(record)
        request = _request(opened, record.inputs, keeping, resumption)
        return cls(session, opened, request, keeping.store)

    def stream(self) -> "EventStream":
        """The events of the run from here on, each durable before it is given out."""
        return self._session.start(self._request, journal=self._opened.journal)

    def note(self, event: Event) -> None:
        """Take in an event that was given out, for what is kept of the run at its end."""
        match event:
            case ActionStarted():
                self._begin(event)
            case ActionCompleted(data=data):
                self._learn(event, data.duration_seconds, ok=True, cached=data.cached)
            case ActionFailed(data=data):
                self._learn(event, data.duration_seconds, ok=False)
            case PlanExtended(data=data):
                self._leave_out_lists(event.path, data.actions)
            case Termination() if not event.path:
                self.reason = event.data.reason
            case _ if isinstance(event, AgentEnded) and not event.path:
                self._end = event
            case _:
                pass

    def finish(self, exit_code: int) -> None:
        """Write down how it has ended; SetupError if that can't be done."""
        data = None if self._end is None else self._end.data
        if data is None:
            self._opened.close()
            return
        try:
            self._opened.finish(
                RunEnded(
                    reason=self.reason,
                    exit_code=exit_code,
                    counts=data.counts or StateCounts(),
                    duration=data.duration,
                    ended_at=wall_seconds(),
                    usage=data.usage,
                    cost=data.cost,
                )
            )
            self._store.history.note(self._durations)
            self._store.cache.close()
        except SetupError:
            # The run has said so itself, in its last event.
            if self.reason is not TerminationReason.STATE_LOST:
                raise

    def _begin(self, event: ActionStarted) -> None:
        data = event.data
        if not self._is_list(event):
            self._begun[event.path, event.action_id] = DurationKey(
                type=data.type,
                target=data.target,
                operation=data.operation,
                identity=self._session.manifest_path or "",
            )

    def _is_list(self, event: ActionStarted) -> bool:
        """Whether the action has `for_each`: how long a list takes says nothing of its target."""
        found = self._session.plan_at(event.path)
        if found is None:
            return False
        graph = found[1]
        number = graph.index.get(event.action_id)
        return number is not None and graph.actions[number].for_each is not None

    def _leave_out_lists(self, path: tuple[str, ...], actions: Iterable[PlannedAction]) -> None:
        """The same where a model writes the plan: a list is known by the items that join it."""
        for action in actions:
            list_id, bracket, _ = action.id.partition("[")
            if bracket:
                self._begun.pop((path, list_id), None)

    def _learn(
        self,
        event: ActionCompleted | ActionFailed,
        seconds: float,
        *,
        ok: bool,
        cached: bool = False,
    ) -> None:
        key = self._begun.pop((event.path, event.action_id), None)
        if key is not None:
            self._durations.append(
                Duration(
                    key=key,
                    seconds=seconds,
                    ended_at=event.seconds,
                    execution_id=self.run_id,
                    ok=ok,
                    cached=cached,
                )
            )


def _cache_use(session: "Session", opened: OpenRun, store: RunStore) -> CacheUse | None:
    """The cache, unless it was not to be used, or no action would."""
    wanted = opened.record.options.cache
    if wanted or (wanted is None and session.uses_cache):
        return CacheUse(cache=store.cache, is_for_all=bool(wanted), version=version(DISTRIBUTION))
    return None


def _request(
    opened: OpenRun,
    inputs: Mapping[str, Any],
    keeping: Keeping,
    resumption: Resumption | None = None,
) -> RunRequest:
    return RunRequest(
        run_id=opened.record.execution_id,
        started_at=opened.record.started_at,
        inputs=inputs,
        approver=keeping.approver,
        answers=keeping.answers,
        run_dir=opened.work,
        past=keeping.past if resumption is None else resumption.past,
        left_out=keeping.left_out,
        resume=f"cortex resume {opened.record.execution_id}",
    )

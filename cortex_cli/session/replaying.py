"""A run that is kept, or a record of one, opened so that it can be replayed."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cortex_cli.engine.past import Past
from cortex_cli.engine.ports import Answer, Question, RunRequest
from cortex_cli.engine.stream import EventStream
from cortex_cli.errors import UsageError
from cortex_cli.events import ActionCompleted, Event, PlanGenerated
from cortex_cli.plan.selection import Selection, select
from cortex_cli.session.replay import RunToReplay
from cortex_cli.session.session import Request, Session
from cortex_cli.store.records import RunRecord, Sources


class _Nobody:
    """Who is asked in a replay: the record has the answers."""

    is_there = False

    async def ask(self, question: Question) -> Answer | None:
        """Never called."""
        raise AssertionError(question.text)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A run that has been: how it was begun, what it is made of, and its events."""

    run: RunRecord
    sources: Sources | None
    events: Sequence[Event]

    def open(self, folder: Path, environ: Mapping[str, str], manifest: Path | None) -> Session:
        """The manifests of the run, as `folder` gets them; or another `manifest`, as it is now.

        Where the record has none, they are read where they were.
        """
        if manifest is not None:
            return Session.open(self._request(manifest, Path.cwd(), environ, root=None))
        if self.sources is None:
            return Session.open(self._request_of_old(environ))
        for name, text in self.sources.files.items():
            path = _place(folder, name)
            if not path.is_relative_to(folder.resolve()):
                message = f"the record has a file outside of its folder: {name!r:.80}"
                raise UsageError(message)
            _write(path, name, text)
        home = {} if self.sources.home is None else {"HOME": self.sources.home}
        entry = Path(self.sources.entry)
        return Session.open(self._request(entry, folder, {**environ, **home}, root=folder))

    def play(self, session: Session) -> EventStream:
        """The events of the run, each once it has come about again."""
        run, sources = self.run, self.sources
        selection = self._selection(session)
        run_dir = None if sources is None or sources.run_dir is None else Path(sources.run_dir)
        request = RunRequest(
            run_id=run.execution_id,
            started_at=run.started_at,
            inputs=run.inputs,
            approver=_Nobody(),
            run_dir=run_dir,
            past=self._taken_over(selection),
            resume=f"cortex resume {run.execution_id}",
            left_out=selection.left_out,
        )
        variables = {} if sources is None else sources.variables
        record = RunToReplay(events=self.events, forgotten=run.forgotten, variables=variables)
        return session.replay(request, record)

    def _request(
        self, source: Path | bytes, cwd: Path, environ: Mapping[str, str], *, root: Path | None
    ) -> Request:
        options: Any = self.run.options
        return Request(
            source=source,
            cwd=cwd,
            environ=environ,
            root=root,
            operation=options.operation,
            goal=options.goal,
            max_parallel=self._slots(),
            budget=options.budget,
            passes=options.passes,
        )

    def _request_of_old(self, environ: Mapping[str, str]) -> Request:
        run = self.run
        source = (run.manifest_text or "").encode() if run.manifest is None else Path(run.manifest)
        root = None if run.root is None else Path(run.root)
        return self._request(source, Path(run.cwd), environ, root=root)

    def _slots(self) -> int | None:
        """How many slots the run had, wherever that was said."""
        plans = (e for e in self.events if isinstance(e, PlanGenerated) and not e.path)
        plan = next(plans, None)
        return None if plan is None else plan.data.report.estimate.max_parallel

    def _selection(self, session: Session) -> Selection:
        found = session.plan_at(())
        options = self.run.options
        if found is None or not (options.only or options.start_from or options.skip):
            return Selection()
        return select(found[1], only=options.only, start_from=options.start_from, skip=options.skip)

    def _taken_over(self, selection: Selection) -> Past | None:
        """What the run took over of an earlier one, as its own events tell."""
        if not selection.taken_over:
            return None
        past = Past(
            event
            for event in self.events
            if isinstance(event, ActionCompleted)
            and (not event.path and event.action_id in selection.taken_over)
        )
        past.only(selection.taken_over)
        return past


def _place(folder: Path, name: str) -> Path:
    try:
        return (folder / name).resolve()
    except (OSError, ValueError) as error:
        raise _unusable(name) from error


def _write(path: Path, name: str, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except (OSError, ValueError) as error:
        raise _unusable(name) from error


def _unusable(name: str) -> UsageError:
    message = f"the record has a file that can't be written: {name!r:.80}"
    return UsageError(message)

"""How the command line begins a run: anew, from an action on, or where an earlier part ended."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from cortex_cli.engine.past import Past
from cortex_cli.errors import CortexError, UsageError
from cortex_cli.plan.selection import Selection, select
from cortex_cli.session.kept_run import Keeping, KeptRun, run_store
from cortex_cli.session.resumption import Resumption
from cortex_cli.store.records import RunOptions
from cortex_cli.store.run_folder import OpenRun
from cortex_cli.store.runs import RunStore

if TYPE_CHECKING:
    from cortex_cli.cli.approver import CliApprover
    from cortex_cli.session.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRun:
    """A new run, as the options of `cortex run` say."""

    inputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    max_parallel: int | None = None
    operation: str | None = None
    goal: str | None = None
    cache: bool | None = None
    budget: Mapping[str, float | None] = field(default_factory=dict[str, "float | None"])
    only: tuple[str, ...] = ()
    start_from: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()

    def check(self, session: "Session") -> None:
        """Raise UsageError if there is nothing to run, or no action that is asked for."""
        session.check_goal()
        self.check_names(session)

    def check_names(self, session: "Session") -> None:
        """Raise UsageError for `--only`, `--from` or `--skip` of an action that there is not."""
        self._selection(session)

    def begin(self, session: "Session", approver: "CliApprover") -> KeptRun:
        """Begin it; SetupError if the state folder can't be used."""
        store = run_store(os.environ, command="cortex run")
        selection = self._selection(session)
        keeping = Keeping(
            store=store,
            approver=approver,
            answers=approver.answers,
            left_out=selection.left_out,
            past=self._earlier(session, store, selection),
            options=RunOptions(
                max_parallel=self.max_parallel,
                operation=self.operation,
                goal=self.goal,
                cache=self.cache,
                budget=dict(self.budget),
                only=self.only,
                start_from=self.start_from,
                skip=self.skip,
            ),
        )
        return KeptRun.begin(session, self.inputs, keeping)

    def _selection(self, session: "Session") -> Selection:
        found = session.plan_at(())
        if not (self.only or self.start_from or self.skip):
            return Selection()
        if found is None:
            message = "--only, --from and --skip name actions of a plan that is written down"
            raise UsageError(message, hint=f"a model writes that of '{session.program.name}'")
        return select(found[1], only=self.only, start_from=self.start_from, skip=self.skip)

    def _earlier(self, session: "Session", store: RunStore, selection: Selection) -> Past | None:
        """What the latest run of this manifest gave of that which `--from` does not run."""
        if not selection.taken_over:
            return None
        manifest = session.manifest_path
        for summary in store.all():
            if summary.manifest is not None and summary.manifest == manifest:
                run_id = summary.execution_id
                forgotten = store.record(run_id).forgotten
                past = Past(store.events(run_id), forgotten=forgotten)
                past.only(selection.taken_over)
                missing = selection.taken_over - {name for _, name in past.ended}
                if not missing:
                    return past
        names = ", ".join(f"'{name}'" for name in sorted(selection.taken_over))
        message = f"--from needs what {names} gave, and no earlier run of this manifest has it"
        raise UsageError(message, hint="run it once as a whole")


@dataclass(frozen=True, slots=True, kw_only=True)
class FurtherRun:
    """A run that goes on; `opened` is locked for this process, `budget` is what it has now."""

    store: RunStore
    opened: OpenRun
    resumption: Resumption
    budget: Mapping[str, float | None] = field(default_factory=dict[str, "float | None"])

    def begin(self, session: "Session", approver: "CliApprover") -> KeptRun:
        """Take it up; the run is let go of if that fails."""
        options = replace(self.opened.record.options, budget=dict(self.budget))
        found = session.plan_at(())
        selection = Selection()
        try:
            if found is not None:
                only, start_from, skip = options.only, options.start_from, options.skip
                selection = select(found[1], only=only, start_from=start_from, skip=skip)
            keeping = Keeping(
                store=self.store,
                approver=approver,
                answers=approver.answers,
                left_out=selection.left_out,
                options=options,
            )
            return KeptRun.take_up(session, self.opened, self.resumption, keeping)
        except CortexError:
            self.opened.close()
            raise

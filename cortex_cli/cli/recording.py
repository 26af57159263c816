"""The option `--record`: a run is written down in a file of its own, once it is over."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cortex_cli.errors import UsageError

if TYPE_CHECKING:
    from cortex_cli.cli.approver import CliApprover
    from cortex_cli.cli.driving import Begin
    from cortex_cli.session.kept_run import KeptRun
    from cortex_cli.session.session import Session


@dataclass(slots=True, kw_only=True)
class Recorder:
    """Begins a run and, if there is a `file`, writes its record there when it is over."""

    file: Path | None
    begin: "Begin"
    _run_id: str | None = None

    def __post_init__(self) -> None:
        if self.file is not None and (self.file.is_dir() or not self.file.parent.is_dir()):
            message = f"--record {self.file}: this can't be a file"
            raise UsageError(message, hint="give the path of a file in a folder that is there")

    def begin_run(self, session: "Session", approver: "CliApprover") -> "KeptRun":
        """Begin the run."""
        kept = self.begin(session, approver)
        self._run_id = kept.run_id
        return kept

    def write(self) -> None:
        """Write the record, if the run has begun; SetupError if that can't be done."""
        if self.file is None or self._run_id is None:
            return
        from msgspec.structs import replace

        from cortex_cli.session.kept_run import run_store
        from cortex_cli.store.record_file import Header, write_record

        store = run_store(os.environ)
        run_id = self._run_id
        run, sources = store.record(run_id), store.sources(run_id)
        if sources is not None:
            # It is among them, without the secrets that may stand in it.
            run = replace(run, manifest_text=None)
        write_record(self.file, Header(run=run, sources=sources), store.events(run_id))

"""From the argument M to a session that can plan and run it."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cortex_cli.session.session import Request, Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A manifest as the command line names it, and what was said about how to open it."""

    manifest: str
    root: Path | None = None
    operation: str | None = None
    max_parallel: int | None = None
    budget: Mapping[str, float | None] = field(default_factory=dict[str, "float | None"])
    max_megabytes: int = 32
    passes: int | None = None
    may_build: bool = True
    goal: str | None = None

    def session(self) -> "Session":
        """Load and check the manifest; ManifestError with everything that is wrong with it."""
        from cortex_cli.session.session import Session

        return Session.open(self.request())

    def request(self, content: bytes | None = None) -> "Request":
        """The same, as the library asks for it; reads standard input if that is the manifest.

        `content` stands in place of what the manifest holds.
        """
        from cortex_cli.session.session import Request

        source = Path(self.manifest)
        if self.manifest == "-" and content is None:
            content = sys.stdin.buffer.read()
        return Request(
            source=source if content is None else content,
            cwd=Path.cwd(),
            environ=os.environ,
            root=self.root,
            operation=self.operation,
            max_parallel=self.max_parallel,
            budget=self.budget,
            max_bytes=self.max_megabytes * 1024 * 1024,
            passes=self.passes,
            may_build=self.may_build,
            goal=self.goal,
        )

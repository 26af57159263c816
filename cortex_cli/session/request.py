"""What a caller opens: a manifest, and what stands in place of what it says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cortex_cli.manifest.document import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A manifest to open, by its path or its text, as a caller in the folder `cwd` names it.

    `operation` is for a relic; `max_parallel` stands in place of the manifest's own
    `max_parallel_actions`, and `budget` in place of what it has of the manifest's own, where None
    lifts a limit; no file larger than `max_bytes` is read. `passes` is how many orders
    of each plan are tried at most, by default as many as take about 50 ms. `may_build`: the
    environments of tools may be made where they are missing. `goal` is for an agent without a plan.
    `renews_lock`: what MCP servers offer is pinned in place of what was pinned before.
    """

    source: Path | bytes
    cwd: Path
    environ: Mapping[str, str]
    root: Path | None = None
    operation: str | None = None
    max_parallel: int | None = None
    budget: Mapping[str, float | None] = field(default_factory=dict[str, "float | None"])
    max_bytes: int = Limits().max_bytes
    passes: int | None = None
    may_build: bool = True
    goal: str | None = None
    renews_lock: bool = False

    @property
    def manifest_path(self) -> str | None:
        """The absolute path of the manifest; None for one that came as text."""
        return str(self.cwd / self.source) if isinstance(self.source, Path) else None

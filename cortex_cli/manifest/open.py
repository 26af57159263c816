"""From a file, a folder or standard input to a program: where a command, or a library user, starts."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cortex_cli.errors import ManifestError, Problem, UsageError
from cortex_cli.kinds import ManifestKind, Severity
from cortex_cli.manifest.compile import compile_program
from cortex_cli.manifest.document import Limits
from cortex_cli.manifest.library import Library
from cortex_cli.manifest.load import LoadedManifest, load_content, load_file
from cortex_cli.manifest.operations import relic_operations
from cortex_cli.manifest.paths import entry_in, root_of
from cortex_cli.manifest.program import Program
from cortex_cli.manifest.relic_models import RelicManifest
from cortex_cli.manifest.resolve import load_library
from cortex_cli.manifest.servers import DeclaredServers, no_servers
from cortex_cli.manifest.unused import unused_imports
from cortex_cli.manifest.wording import listed

STANDARD_INPUT = "-"
"""What a manifest that came as bytes is called in messages."""

_PLANNED = (ManifestKind.AGENT, ManifestKind.WORKFLOW)
_DEFAULT_LIMITS = Limits()
_FEW = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """From where a manifest is opened: see `open_program`; `servers` are those declared there."""

    cwd: Path
    root: Path | None = None
    limits: Limits = _DEFAULT_LIMITS
    servers: DeclaredServers = no_servers


class UnchosenError(UsageError):
    """A relic with several operations, of which none is chosen; `problems` are notes about it."""

    def __init__(self, entry: LoadedManifest, problems: Iterable[Problem] = ()) -> None:
        """The error names the first operations."""
        manifest = entry.manifest
        known = relic_operations(manifest) if isinstance(manifest, RelicManifest) else ()
        names = [operation.name for operation in known[:_FEW]]
        super().__init__(
            f"{entry.file} is a relic with several operations",
            hint=f"choose one with --operation: {listed(names)}",
        )
        self.problems = tuple(problems)


def open_program(
    source: Path | bytes,
    *,
    root: Path | None = None,
    cwd: Path,
    operation: str | None = None,
    limits: Limits = _DEFAULT_LIMITS,
) -> tuple[Program, list[Problem]]:
    """The program of a manifest, and notes and warnings about it.

    `source` is a file, a folder with one manifest in it, or the content of standard input, whose
    paths are relative to `cwd`. `root` bounds what is read (see `root_of`); `operation` is what to
    call of a relic, or of a tool that has a parameter of that name.

    Raises ManifestError with everything that is wrong in all files that are read, and UsageError
    for a source, root or operation that there is not.
    """
    place = Place(root=root, cwd=cwd, limits=limits)
    program, problems = program_at(place, source, operation)
    if any(problem.severity is Severity.ERROR for problem in problems):
        raise ManifestError(problems)
    return program, problems


def examine(
    source: Path | bytes,
    *,
    root: Path | None = None,
    cwd: Path,
    operation: str | None = None,
    limits: Limits = _DEFAULT_LIMITS,
) -> tuple[Program | None, list[Problem]]:
    """As `open_program`, but problems are given back, errors among them.

    A program that is given back beside errors is what is sound of it: good for further checks,
    not for running. None: too much is wrong, or a relic has several operations and none is
    chosen. Raises ManifestError only for an entry that cannot be read as a manifest at all.
    """
    return examine_at(Place(root=root, cwd=cwd, limits=limits), source, operation)


def examine_at(
    place: Place, source: Path | bytes, operation: str | None = None
) -> tuple[Program | None, list[Problem]]:
    """As `examine`, from a place where MCP servers may be declared."""
    _, program, problems = _examine(source, place, operation)
    return program, problems


def program_at(
    place: Place, source: Path | bytes, operation: str | None = None
) -> tuple[Program, list[Problem]]:
    """As `examine_at`, of what can be run: errors as of `open_program` where there is no program."""
    library, program, problems = _examine(source, place, operation)
    if program is not None:
        return program, problems
    if any(problem.severity is Severity.ERROR for problem in problems):
        raise ManifestError(problems)
    raise UnchosenError(library.entry, problems)


def _examine(
    source: Path | bytes, place: Place, operation: str | None
) -> tuple[Library, Program | None, list[Problem]]:
    entry = _entry(source, place.cwd, place.limits)
    if operation is not None and entry.kind in _PLANNED:
        message = f"{entry.file} is of kind {entry.kind}, which has no operations"
        raise UsageError(message, hint="leave --operation out")
    bounds = root_of(entry.folder, root=place.root, cwd=place.cwd)
    if not entry.folder.is_relative_to(bounds):
        message = f"{entry.file} lies outside of the root {bounds}"
        raise UsageError(message, hint="choose a folder around it with --root")
    library = load_library(
        entry, root=bounds, cwd=place.cwd, limits=place.limits, servers=place.servers
    )
    program, problems = compile_program(library, operation=operation)
    problems = [*library.problems, *problems]
    if all(problem.severity is not Severity.ERROR for problem in problems):
        # What a mistaken target means is not unused.
        problems += unused_imports(library)
    return library, program, problems


def first_operation(source: Path | bytes, *, cwd: Path) -> str | None:
    """The first operation of a relic; None for all other manifests. ManifestError for errors."""
    manifest = _entry(source, cwd, _DEFAULT_LIMITS).manifest
    known = relic_operations(manifest) if isinstance(manifest, RelicManifest) else ()
    return next((operation.name for operation in known), None)


def _entry(source: Path | bytes, cwd: Path, limits: Limits) -> LoadedManifest:
    if isinstance(source, bytes):
        return load_content(source, STANDARD_INPUT, cwd.resolve(), limits)
    written = cwd / source
    name = str(source)
    if written.is_dir():
        chosen = entry_in(written)
        name = str(source / chosen.name)
        written = chosen
    return load_file(_real(written), name, limits)


def _real(path: Path) -> Path:
    """The path without links; whatever is wrong with it shows when it is opened."""
    try:
        return Path(os.path.realpath(path))
    except ValueError:
        return path

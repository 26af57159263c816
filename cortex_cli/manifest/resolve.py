"""Loading a manifest and all that it imports: each file once, and none outside of the root."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cortex_cli.errors import Finding, ManifestError, Problem
from cortex_cli.kinds import ManifestKind, Severity
from cortex_cli.manifest.document import Limits
from cortex_cli.manifest.library import Library, UnresolvedImport
from cortex_cli.manifest.load import LoadedManifest, load_file
from cortex_cli.manifest.locate import to_problems
from cortex_cli.manifest.near_files import near_import
from cortex_cli.manifest.paths import Missing, Refused, import_path
from cortex_cli.manifest.servers import DeclaredServers, Servers, no_servers
from cortex_cli.manifest.wording import quoted

MOST_IMPORTS = 10_000
"""How many imports the files of one run may have, taken together."""

_MOST_HINTS = 20

IMPORT_KEYS = {
    ManifestKind.TOOL: "tools",
    ManifestKind.RELIC: "relics",
    ManifestKind.AGENT: "agents",
    ManifestKind.WORKFLOW: "workflows",
}


def load_library(
    entry: LoadedManifest,
    *,
    root: Path,
    cwd: Path,
    limits: Limits | None = None,
    servers: DeclaredServers = no_servers,
) -> Library:
    """The library of a manifest; `root` is a real path, `cwd` what messages name files from.

    `servers` are asked for when a manifest names one. Problems are collected in the library, not
    raised.
    """
    library = Library(root, entry, Servers(root, servers))
    _Loader(library, cwd.resolve(), limits or Limits()).load_all()
    return library


def shown_path(path: Path, cwd: Path) -> str:
    """A real path as messages name it: from the current folder, if it lies in it."""
    return str(path.relative_to(cwd) if path.is_relative_to(cwd) else path)


@dataclass(frozen=True, slots=True)
class _Import:
    """One entry of an import list."""

    importer: LoadedManifest
    kind: ManifestKind
    position: int
    text: str

    @property
    def place(self) -> tuple[str | int, ...]:
        """Its path in the importer's document."""
        return ("import", IMPORT_KEYS[self.kind], self.position)

    def problem(
        self, code: str, message: str, *, hint: str | None = None, severity: Severity | None = None
    ) -> Problem:
        """What is wrong with it, at its place."""
        finding = Finding(
            severity=severity or Severity.ERROR,
            code=code,
            message=message,
            hint=hint,
            path=self.place,
        )
        return to_problems([finding], self.importer.document)[0]


class _Loader:
    def __init__(self, library: Library, cwd: Path, limits: Limits) -> None:
        self._library = library
        self._cwd = cwd
        self._limits = limits
        self._by_path: dict[Path, LoadedManifest | None] = {}
        self._pending: deque[LoadedManifest] = deque()
        self._looked = 0

    def load_all(self) -> None:
        """Load what the entry imports, and what that imports, until nothing is left."""
        entry = self._library.entry
        if entry.path is not None:
            self._by_path[entry.path] = entry
        self._enter(entry)
        count = 0
        while self._pending:
            for written in _written(self._pending.popleft()):
                count += 1
                if count > MOST_IMPORTS:
                    message = f"there are more than {MOST_IMPORTS:,} imports"
                    self._tell(written.problem("too_many_imports", message))
                    return
                self._follow(written)

    def _enter(self, loaded: LoadedManifest) -> None:
        self._library.enter(loaded)
        self._pending.append(loaded)

    def _follow(self, written: _Import) -> None:
        """Perform one import."""
        found = import_path(written.text, written.kind, written.importer.folder, self._library.root)
        if isinstance(found, Path):
            if self._is_named(written, self._load(found)):
                return
        elif isinstance(found, Refused):
            message = f"the import {quoted(written.text)} {found.why}"
            self._tell(written.problem("refused_import", message, hint=found.hint))
        is_told = not isinstance(found, Missing)
        meant = None if is_told else self._meant(written)
        if not is_told:
            message = f"the import {quoted(written.text)} was not found"
            hint = None if meant is None else f"did you mean '{meant}'?"
            note = written.problem("missing_import", message, hint=hint, severity=Severity.NOTE)
            self._tell(note)
        missing = UnresolvedImport(written.kind, written.text, is_told, meant)
        self._library.add_unresolved(written.importer, missing)

    def _meant(self, written: _Import) -> str | None:
        """An import like one that was not found; looked for a few times only."""
        self._looked += 1
        if self._looked > _MOST_HINTS:
            return None
        folder = written.importer.folder
        return near_import(written.text, written.kind, folder, self._library.root)

    def _tell(self, problem: Problem) -> None:
        self._library.problems.append(problem)

    def _load(self, path: Path) -> LoadedManifest | None:
        if path not in self._by_path:
            self._by_path[path] = None
            try:
                loaded = load_file(path, shown_path(path, self._cwd), self._limits)
            except ManifestError as error:
                self._library.problems += error.problems
            else:
                self._by_path[path] = loaded
                self._enter(loaded)
        return self._by_path[path]

    def _is_named(self, written: _Import, loaded: LoadedManifest | None) -> bool:
        """Give what was imported its name in the importer; whether it could be done."""
        if loaded is None or loaded.manifest is None:
            return False
        if loaded.kind is not written.kind:
            message = f"{loaded.file} is of kind {loaded.kind}, not {written.kind}"
            hint = f"import it with 'import.{IMPORT_KEYS[loaded.kind]}'"
            self._tell(written.problem("wrong_kind", message, hint=hint))
            return False
        name = loaded.manifest.name
        first = self._library.add_import(written.importer, name, loaded, written.place)
        if first is not loaded:
            message = f"{first.file} and {loaded.file} are both called {quoted(name)}"
            self._tell(written.problem("duplicate_import", message, hint="import one of them"))
        return first is loaded


def _written(loaded: LoadedManifest) -> Iterator[_Import]:
    for kind, key in IMPORT_KEYS.items():
        texts: tuple[str, ...] = getattr(loaded.imports, key)
        for position, text in enumerate(texts):
            yield _Import(loaded, kind, position, text)

"""The manifests of a run, and which of them a name means in which file."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from cortex_cli.errors import Problem
from cortex_cli.kinds import ManifestKind
from cortex_cli.manifest.load import LoadedManifest
from cortex_cli.manifest.servers import Servers

Named = dict[tuple[ManifestKind, str], LoadedManifest]


@dataclass(frozen=True, slots=True)
class UnresolvedImport:
    """An import that led to no manifest; one that `is_told` is an error of its own already.

    `meant` is one like it that would be found.
    """

    kind: ManifestKind
    text: str
    is_told: bool
    meant: str | None = None

    def may_be(self, name: str) -> bool:
        """Whether the manifest that is missing would, by its path, be called so."""
        path = PurePosixPath(self.text)
        return name in {self.text, path.name.partition(".")[0], path.parent.name}


@dataclass(slots=True)
class Library:
    """The manifests of a run: the one it starts from, and what that imports, directly or not.

    `problems` are those of all files, and of the imports themselves: one that is missing is a
    note, one that leaves the root or leads to no file is an error.
    """

    root: Path
    entry: LoadedManifest
    servers: Servers
    problems: list[Problem] = field(default_factory=list[Problem])
    _imports: dict[LoadedManifest, Named] = field(default_factory=dict[LoadedManifest, Named])
    # An ordered set: a tool may have thousands of importers.
    _importers: dict[LoadedManifest, dict[LoadedManifest, None]] = field(
        default_factory=dict[LoadedManifest, dict[LoadedManifest, None]]
    )
    _places: dict[tuple[LoadedManifest, LoadedManifest], tuple[str | int, ...]] = field(
        default_factory=dict[tuple[LoadedManifest, LoadedManifest], tuple[str | int, ...]]
    )
    _unresolved: dict[LoadedManifest, list[UnresolvedImport]] = field(
        default_factory=dict[LoadedManifest, list[UnresolvedImport]]
    )

    def imports(self, loaded: LoadedManifest) -> list[LoadedManifest]:
        """What a file imports itself, in the order of the file."""
        return list(self._imports[loaded].values())

    def files(self) -> list[LoadedManifest]:
        """All files that were loaded, the entry first."""
        return list(self._imports)

    def seen_from(self, loaded: LoadedManifest) -> list[LoadedManifest]:
        """All that has a name in a file, the nearest first."""
        scopes = self._scopes(loaded)
        return [found for scope in scopes for found in self._imports[scope].values()]

    def place(self, importer: LoadedManifest, imported: LoadedManifest) -> tuple[str | int, ...]:
        """The path in the importer's document of the import of a file."""
        return self._places[importer, imported]

    def find(self, loaded: LoadedManifest, kind: ManifestKind, name: str) -> LoadedManifest | None:
        """The manifest that a name means in a file: of its own imports, then of its importers'."""
        for scope in self._scopes(loaded):
            found = self._imports[scope].get((kind, name))
            if found is None and kind is ManifestKind.TOOL:
                found = self.servers.tool(scope, name)
            if found is not None:
                return found
        return None

    def server_names(self, loaded: LoadedManifest) -> list[str]:
        """The MCP servers whose tools have names in a file, the nearest first."""
        names = [name for scope in self._scopes(loaded) for name in self.servers.names(scope)]
        return list(dict.fromkeys(names))

    def names(self, loaded: LoadedManifest) -> list[tuple[ManifestKind, str]]:
        """All that has a name in a file, the nearest first."""
        scopes = (self._imports[scope] for scope in self._scopes(loaded))
        return list(dict.fromkeys(name for names in scopes for name in names))

    def unresolved(self, loaded: LoadedManifest, kind: ManifestKind) -> list[UnresolvedImport]:
        """The imports of a kind that would have a name in a file, if they had been found."""
        scopes = (self._unresolved[scope] for scope in self._scopes(loaded))
        return [missing for found in scopes for missing in found if missing.kind is kind]

    def _scopes(self, loaded: LoadedManifest) -> Iterator[LoadedManifest]:
        """The file, its importers, theirs, and so on, each once."""
        seen = {loaded}
        pending = deque(seen)
        while pending:
            scope = pending.popleft()
            yield scope
            fresh = [one for one in self._importers.get(scope, ()) if one not in seen]
            seen.update(fresh)
            pending.extend(fresh)

    def enter(self, loaded: LoadedManifest) -> None:
        """Add a file, without what it imports."""
        self._imports[loaded] = {}
        self._unresolved[loaded] = []
        self.problems += loaded.problems

    def add_import(
        self,
        importer: LoadedManifest,
        name: str,
        imported: LoadedManifest,
        place: tuple[str | int, ...] = (),
    ) -> LoadedManifest:
        """Give an imported manifest its name; the manifest that has it, maybe another before."""
        self._places.setdefault((importer, imported), place)
        self._importers.setdefault(imported, {})[importer] = None
        return self._imports[importer].setdefault((imported.kind, name), imported)

    def add_unresolved(self, importer: LoadedManifest, missing: UnresolvedImport) -> None:
        """Remember an import that led nowhere."""
        self._unresolved[importer].append(missing)

"""A manifest of everything that the actions of a manifest in a root could import."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from cortex_cli.kinds import ManifestKind
from cortex_cli.manifest.paths import bare_folders, import_path, root_of
from cortex_cli.settings import load_settings

_LISTED = {ManifestKind.TOOL: "tools", ManifestKind.RELIC: "relics"}


def everything_in(root: Path | None, cwd: Path, environ: Mapping[str, str]) -> bytes:
    """An agent that imports the tools and relics of a root, and the servers that are declared."""
    place = root_of(cwd.resolve(), root=root, cwd=cwd)
    imports: dict[str, list[str]] = {
        key: list(_names(place, kind)) for kind, key in _LISTED.items()
    }
    imports["mcp"] = list(load_settings(environ, place).mcp.servers)
    agent = {"kind": "Agent", "name": place.name or "root", "import": imports}
    return json.dumps(agent).encode()


def _names(root: Path, kind: ManifestKind) -> Iterator[str]:
    names: dict[str, None] = {}
    for folder in bare_folders(kind):
        if (root / folder).is_dir():
            found = sorted((root / folder).iterdir())
            names |= dict.fromkeys(path.name.partition(".")[0] for path in found)
    for name in names:
        if name and isinstance(import_path(name, kind, root, root), Path):
            yield name

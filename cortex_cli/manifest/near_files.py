"""Which file somebody may have meant whose import leads to none."""

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from cortex_cli.ids import nearest
from cortex_cli.kinds import ManifestKind
from cortex_cli.manifest.paths import bare_folders, contained, import_path, is_bare

_MOST_ENTRIES = 2_000


def near_import(text: str, kind: ManifestKind, folder: Path, root: Path) -> str | None:
    """An import of a kind like `text`, which was not found, that is; None if there is none.

    In a path the first step that is missing is replaced; a bare name by another one.
    """
    if is_bare(text):
        known = (name for place in bare_folders(kind) for name in _names(root / place))
        meant = _nearest(text, known)
        name = None if meant is None else _stem(meant)
        is_there = name and isinstance(import_path(name, kind, folder, root), Path)
        return name if is_there else None
    steps = PurePosixPath(text).parts
    end = next((n for n in range(len(steps)) if not _exists(folder, steps[: n + 1])), None)
    if end is None:
        return None
    meant = _nearest(steps[end], _names_inside(folder.joinpath(*steps[:end]), root))
    path = str(PurePosixPath(*steps[:end], meant or "", *steps[end + 1 :]))
    return path if meant and isinstance(contained(path, folder, root), Path) else None


def _nearest(name: str, known: Iterable[str]) -> str | None:
    """The name most like another but for their suffixes, which are alike anyway."""
    by_stem = {_stem(one): one for one in known}
    meant = nearest(_stem(name), by_stem)
    return None if meant is None else by_stem[meant]


def _stem(name: str) -> str:
    return name.partition(".")[0] or name


def _exists(folder: Path, steps: Iterable[str]) -> bool:
    try:
        return folder.joinpath(*steps).exists()
    except (OSError, ValueError):
        return False


def _names_inside(place: Path, root: Path) -> Iterator[str]:
    """The names in a folder that is there, if it lies in the root."""
    if place.resolve().is_relative_to(root):
        yield from _names(place)


def _names(place: Path) -> Iterator[str]:
    try:
        for _, entry in zip(range(_MOST_ENTRIES), place.iterdir(), strict=False):
            yield entry.name
    except (OSError, ValueError):
        return

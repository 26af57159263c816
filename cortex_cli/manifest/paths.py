"""Where manifests are: the root of a run, the file behind an import, and what is out of bounds."""

import errno
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cortex_cli.errors import UsageError
from cortex_cli.kinds import ManifestKind

_MARKS = ("cortex.toml", ".git")
_SUFFIXES = (".yml", ".yaml", ".md")
_FOLDERS = {
    ManifestKind.TOOL: ("tools",),
    ManifestKind.RELIC: ("relics",),
    ManifestKind.AGENT: ("agents",),
    ManifestKind.WORKFLOW: ("workflows", "workflow"),
}
_HEAD_BYTES = 65_536
_OF_OURS = re.compile(
    rb"^(?:\xef\xbb\xbf)?\{?\s*['\"]?(?:PraetorianRelics|kind['\"]?\s*:\s*['\"]?"
    rb"(?:Agent|Workflow|Tool|Relic))\b",
    re.MULTILINE,
)
_FRONT_MATTER = re.compile(rb"(?:\xef\xbb\xbf)?---\s*?\n(.*?)^---", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Missing:
    """There is no such file."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A path that must not be followed, and why: `leads out of the root …`."""

    why: str
    hint: str | None = None


_LOOP = Refused("is a loop of symbolic links")


def root_of(folder: Path, *, root: Path | None, cwd: Path) -> Path:
    """The real root of a run whose manifest lies in `folder`, a real path.

    That is `root` if it is given, else the nearest folder around the manifest with a `cortex.toml`
    or `.git`, else `cwd` if the manifest lies in it, else its own folder. Raises UsageError if
    `root` is no folder.
    """
    if root is not None:
        if not root.is_dir():
            message = f"the root {root} is not a folder"
            raise UsageError(message)
        return root.resolve()
    for ancestor in (folder, *folder.parents):
        if any((ancestor / mark).exists() for mark in _MARKS):
            return ancestor
    cwd = cwd.resolve()
    return cwd if folder.is_relative_to(cwd) else folder


def import_path(
    text: str, kind: ManifestKind, folder: Path, root: Path
) -> Path | Missing | Refused:
    """The real path behind an import of a kind, in a file that lies in `folder`."""
    if not is_bare(text):
        return contained(text, folder, root)
    refused: Path | Missing | Refused = Missing()
    for place in _places(text, kind, root):
        found = contained(str(place), root, root)
        if isinstance(found, Path):
            return found
        if isinstance(found, Refused):
            refused = found
    return refused


def contained(text: str, folder: Path, root: Path) -> Path | Missing | Refused:
    """The real path of a regular file that `text`, relative to `folder`, names inside the root."""
    if not text or Path(text).is_absolute() or "\0" in text:
        return Refused("must be a relative path")
    written = folder / text
    real = _real(written)
    inside = real if isinstance(real, Path) else Path(os.path.normpath(written))
    if not isinstance(real, Refused) and not inside.is_relative_to(root):
        return Refused(f"leads out of the root {root}", "choose the root with --root")
    if isinstance(real, Path) and not real.is_file():
        return Refused("is not a file")
    return real


def _real(path: Path) -> Path | Missing | Refused:
    try:
        return path.resolve(strict=True)
    except (FileNotFoundError, NotADirectoryError):
        return Missing()
    except RuntimeError:
        return _LOOP
    except OSError as exc:
        # A loop of links is an OSError from Python 3.13 on.
        reason = (exc.strerror or "unknown reason").lower()
        return _LOOP if exc.errno == errno.ELOOP else Refused(f"cannot be read: {reason}")


def entry_in(folder: Path) -> Path:
    """The one manifest of a folder; UsageError if there is none, or more than one."""
    try:
        found = _manifests_in(folder)
    except OSError as exc:
        message = (
            f"the folder {folder} cannot be read: {(exc.strerror or 'unknown reason').lower()}"
        )
        raise UsageError(message) from exc
    if len(found) == 1:
        return found[0]
    if not found:
        message = f"there is no manifest in the folder {folder}"
        raise UsageError(message)
    names = ", ".join(path.name for path in found[:10])
    message = f"there are {len(found)} manifests in the folder {folder}"
    raise UsageError(message, hint=f"name one of them: {names}")


def _manifests_in(folder: Path) -> list[Path]:
    """The files of a folder, by name, that hold a manifest of one of the four kinds."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in _SUFFIXES and path.is_file() and _holds_manifest(path)
    )


def is_bare(text: str) -> bool:
    """Whether an import is a name to be looked for, and no path."""
    return "/" not in text and text not in {"", ".", ".."} and not text.endswith(_SUFFIXES)


def bare_folders(kind: ManifestKind) -> list[Path]:
    """The folders that the manifests of bare names lie in, relative to the root."""
    return [Path(base, folder) for base in ("", "manifests") for folder in _FOLDERS[kind]]


def _places(name: str, kind: ManifestKind, root: Path) -> Iterator[Path]:
    """Where the manifest of a bare name may be, relative to the root."""
    word = kind.value.lower()
    stems = (f"{name}/{word}", f"{name}/{name}", f"{name}/{name}.{word}", f"{name}.{word}", name)
    for place in bare_folders(kind):
        for stem in stems:
            yield place / f"{stem}.yml"
            yield place / f"{stem}.yaml"
        yield from _only_manifest(root, place / name)


def _only_manifest(root: Path, place: Path) -> list[Path]:
    try:
        found = _manifests_in(root / place)
    except (OSError, ValueError):
        return []
    return [place / path.name for path in found] if len(found) == 1 else []


def _holds_manifest(path: Path) -> bool:
    with path.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
    if path.suffix.lower() == ".md":
        matter = _FRONT_MATTER.match(head)
        head = matter.group(1) if matter else b""
    return _OF_OURS.search(head) is not None

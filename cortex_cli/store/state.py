"""The state folder: made private, and refused if anyone else could read or change it."""

import os
import stat
from pathlib import Path

from cortex_cli.errors import SetupError

FOLDER_MODE = 0o700
FILE_MODE = 0o600
_OTHERS = 0o077


def open_state_folder(path: Path) -> Path:
    """The folder at `path`, absolute; it and its missing parents are made with mode 0700.

    Raises SetupError if it is a symlink or no folder, belongs to somebody else, gives the group
    or others any permission, or can't be made or written to.
    """
    folder = path.absolute()
    try:
        _make(folder)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        raise _unusable(folder, error) from error
    try:
        _check(folder, os.fstat(descriptor))
    finally:
        os.close(descriptor)
    return folder


def private_opener(path: str, flags: int) -> int:
    """An opener for `open()`: a file that it makes has mode 0600 whatever the umask.

    It follows no symlink and refuses a file that others may read or write: OSError.
    """
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
    try:
        found = os.fstat(descriptor)
        _refuse_others(found)
        if stat.S_IMODE(found.st_mode) != FILE_MODE:
            os.fchmod(descriptor, FILE_MODE)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def sub_folder(home: Path, *names: str) -> Path:
    """The folder `home/name/…`, each part of it as `open_state_folder` makes and checks it."""
    folder = open_state_folder(home)
    for name in names:
        folder = open_state_folder(folder / name)
    return folder


def require_private(path: Path) -> os.stat_result:
    """What the system says of a file; OSError if it is missing, a symlink, or open to others.

    The file is not opened: a database file that is opened and closed again loses the locks that
    SQLite holds on it for the same process.
    """
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode):
        message = "it is not a file"
        raise PermissionError(message)
    _refuse_others(found)
    return found


def make_private(path: Path) -> None:
    """Make an empty file with mode 0600; FileExistsError if there is one of that name."""
    os.close(private_opener(str(path), os.O_RDWR | os.O_CREAT | os.O_EXCL))


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk before this returns."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _refuse_others(found: os.stat_result) -> None:
    if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & _OTHERS:
        message = "others may read or change it"
        raise PermissionError(message)


def _make(folder: Path) -> None:
    for missing in reversed([folder, *folder.parents]):
        if missing.exists() or missing.is_symlink():
            continue
        try:
            missing.mkdir(FOLDER_MODE)
        except FileExistsError:
            continue  # another process was quicker; the check that follows applies to its folder
        missing.chmod(FOLDER_MODE)


def _check(folder: Path, found: os.stat_result) -> None:
    if found.st_uid != os.geteuid():
        message = f"the state folder {folder} belongs to another user"
        raise SetupError(message, hint="set CORTEX_HOME to a folder of your own")
    mode = stat.S_IMODE(found.st_mode)
    if mode & _OTHERS:
        message = f"the state folder {folder} is open to other users (mode {mode:04o})"
        raise SetupError(message, hint=f"chmod 700 {folder}")
    if mode & FOLDER_MODE != FOLDER_MODE:
        message = f"the state folder {folder} can't be read and written (mode {mode:04o})"
        raise SetupError(message, hint=f"chmod 700 {folder}")


def _unusable(folder: Path, error: OSError) -> SetupError:
    if folder.is_symlink():
        return SetupError(
            f"the state folder {folder} is a symlink",
            hint="set CORTEX_HOME to the folder itself",
        )
    if folder.exists() and not folder.is_dir():
        return SetupError(f"the state folder {folder} is not a folder")
    return SetupError(
        f"the state folder {folder} can't be used: {error.strerror}",
        hint="set CORTEX_HOME to a folder that can be written to",
    )

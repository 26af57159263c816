import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from cortex_cli.errors import SetupError
from cortex_cli.store import state
from cortex_cli.store.state import open_state_folder, private_opener


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=[0o000, 0o022, 0o777], ids=["open", "usual", "closed"])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.mark.usefixtures("umask")
def test_the_folder_and_its_missing_parents_are_private_whatever_the_umask(tmp_path: Path) -> None:
    folder = open_state_folder(tmp_path / "a" / "b" / "cortex")
    assert folder == tmp_path / "a" / "b" / "cortex"
    assert [mode_of(path) for path in (folder, folder.parent, folder.parent.parent)] == [0o700] * 3


def test_an_existing_private_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "cortex"
    folder.mkdir(0o700)
    (folder / "kept").write_text("x")
    assert open_state_folder(folder) == folder
    assert (folder / "kept").read_text() == "x"


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o750, 0o701])
def test_a_folder_open_to_others_is_refused_with_the_way_out(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "cortex"
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(SetupError, match=f"open to other users .mode {mode:04o}.*chmod 700 ") as e:
        open_state_folder(folder)
    assert e.value.exit_code == 3


def test_a_folder_that_its_owner_may_not_use_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "cortex"
    folder.mkdir()
    folder.chmod(0o500)
    with pytest.raises(SetupError, match="can't be read and written"):
        open_state_folder(folder)


def test_a_symlink_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for name in ("link", "loop"):
        with pytest.raises(SetupError, match="is a symlink"):
            open_state_folder(tmp_path / name)


def test_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SetupError, match="is not a folder"):
        open_state_folder(tmp_path / "file")


def test_a_place_where_nothing_can_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SetupError, match="can't be used: Not a directory; set CORTEX_HOME"):
        open_state_folder(tmp_path / "file" / "cortex")


def test_the_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    found = os.stat_result((stat.S_IFDIR | 0o700, 1, 1, 2, os.geteuid() + 1, 0, 0, 0, 0, 0))
    with pytest.raises(SetupError, match="belongs to another user"):
        state._check(tmp_path, found)


def test_a_folder_that_another_process_makes_meanwhile_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "cortex"
    folder.mkdir(0o700)

    def seems_missing(_: Path) -> bool:
        return False

    monkeypatch.setattr(Path, "exists", seems_missing)
    assert open_state_folder(folder) == folder


@pytest.mark.usefixtures("umask")
def test_a_private_file_has_mode_0600_whatever_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with open(path, "w", opener=private_opener) as file:
        file.write("x")
    assert mode_of(path) == 0o600
    assert path.read_text() == "x"


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    path.chmod(0o644)
    with pytest.raises(PermissionError, match="others may read"):
        private_opener(str(path), os.O_RDONLY)


def test_a_private_file_is_not_reached_through_a_symlink(tmp_path: Path) -> None:
    (tmp_path / "file").touch(0o600)
    (tmp_path / "link").symlink_to(tmp_path / "file")
    with pytest.raises(OSError, match="symbolic links"):
        private_opener(str(tmp_path / "link"), os.O_RDONLY)

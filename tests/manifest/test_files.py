"""Opening: only regular files, never waiting, never more than is allowed."""

import os
import socket
from pathlib import Path

import pytest

from cortex_cli.errors import ManifestError, Problem
from cortex_cli.manifest.yaml_reader import Limits, read_file


def refusal(path: Path, limits: Limits | None = None) -> Problem:
    """The one problem for which a path is refused."""
    with pytest.raises(ManifestError) as caught:
        read_file(path, "shown.yaml", limits or Limits())
    [problem] = caught.value.problems
    assert problem.file == "shown.yaml"
    return problem


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"kind: Agent\n")
    document = read_file(path, "shown.yaml")
    assert document.value == {"kind": "Agent"}
    assert document.file == "shown.yaml"


def test_a_symlink_to_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"kind: Agent\n")
    (tmp_path / "b.yaml").symlink_to("a.yaml")
    assert read_file(tmp_path / "b.yaml", "b").value == {"kind": "Agent"}


@pytest.mark.parametrize("name", ["a.md", "A.MD"])
def test_a_markdown_file_is_read_for_its_front_matter(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"---\nkind: Agent\n---\n# Title: [\n")
    assert read_file(path, "a").value == {"kind": "Agent"}


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    problem = refusal(tmp_path / "none.yaml")
    assert (problem.code, problem.message) == ("file_missing", "there is no such file")
    assert (problem.line, problem.column) == (None, None)


@pytest.mark.parametrize("name", ["nul\0byte", "lone\ud800surrogate"])
def test_a_path_that_cannot_be_is_told(tmp_path: Path, name: str) -> None:
    assert refusal(tmp_path / name).code == "file_missing"


def test_a_name_that_is_too_long_is_told(tmp_path: Path) -> None:
    assert refusal(tmp_path / ("x" * 5_000)).code == "file_unreadable"


def test_a_folder_is_refused(tmp_path: Path) -> None:
    problem = refusal(tmp_path)
    assert (problem.code, problem.message) == ("file_kind", "this is a folder, not a file")


def test_a_named_pipe_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    path = tmp_path / "pipe.yaml"
    os.mkfifo(path)
    assert refusal(path).message == "this is a named pipe, not a file"


def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s.yaml")
        assert refusal(Path("s.yaml")).message == "this is a socket, not a file"


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null"])
def test_a_device_is_refused(device: str) -> None:
    assert refusal(Path(device)).message == "this is a device, not a file"


def test_a_loop_of_symlinks_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").symlink_to("b.yaml")
    (tmp_path / "b.yaml").symlink_to("a.yaml")
    problem = refusal(tmp_path / "a.yaml")
    assert problem.code == "file_unreadable"
    assert "symbolic links" in problem.message


def test_a_path_through_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    assert refusal(tmp_path / "a" / "b.yaml").code == "file_unreadable"


def test_forty_megabytes_are_refused_without_reading_on(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    with path.open("wb") as stream:
        stream.truncate(40 * 1024 * 1024)
    problem = refusal(path)
    assert (problem.code, problem.message) == ("yaml_size", "the file is larger than 32 MB")
    assert "--max-size" in (problem.hint or "")


def test_a_file_may_have_exactly_the_size_allowed(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"a: 1\n")
    assert read_file(path, "a", Limits(max_bytes=5)).value == {"a": 1}
    assert refusal(path, Limits(max_bytes=4)).message == "the file is larger than 4 bytes"

"""What a path in a manifest may lead to, and where the root of a run is."""

import os
from pathlib import Path

import pytest

from cortex_cli.errors import UsageError
from cortex_cli.kinds import ManifestKind
from cortex_cli.manifest.paths import Missing, Refused, contained, entry_in, import_path, root_of
from tests.manifest.trees import TOOL, write

_OUTSIDE = "leads out of the root"


def _why(found: Path | Missing | Refused) -> str:
    assert isinstance(found, Refused)
    return found.why


@pytest.mark.parametrize(
    "text",
    [
        "../../../etc/passwd",
        "../../../etc/no-such-file",
        "..",
        "tools/../../x.yaml",
        "out/passwd",
        "link.yaml",
        "far.yaml",
    ],
)
def test_a_path_out_of_the_root_is_refused(tmp_path: Path, text: str) -> None:
    root = tmp_path / "root"
    write(tmp_path, {"x.yaml": "", "root/tools/a": "", "passwd": ""})
    (root / "out").symlink_to(tmp_path)
    (root / "link.yaml").symlink_to(tmp_path / "x.yaml")
    (root / "far.yaml").symlink_to("/etc/passwd")
    assert _why(contained(text, root, root)).startswith(_OUTSIDE)


@pytest.mark.parametrize("text", ["/etc/passwd", "", "a\0b"])
def test_a_path_that_is_not_relative_is_refused(tmp_path: Path, text: str) -> None:
    assert _why(contained(text, tmp_path, tmp_path)) == "must be a relative path"


def test_an_absolute_path_is_refused_inside_the_root_too(tmp_path: Path) -> None:
    write(tmp_path, {"x.yaml": ""})
    assert isinstance(contained(str(tmp_path / "x.yaml"), tmp_path, tmp_path), Refused)


def test_a_loop_of_links_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").symlink_to("b.yaml")
    (tmp_path / "b.yaml").symlink_to("a.yaml")
    assert _why(contained("a.yaml", tmp_path, tmp_path)) == "is a loop of symbolic links"


def test_a_device_is_refused() -> None:
    assert _why(contained("dev/zero", Path("/"), Path("/"))) == "is not a file"


def test_a_named_pipe_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.yaml")
    assert _why(contained("x.yaml", tmp_path, tmp_path)) == "is not a file"


def test_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").mkdir()
    assert _why(contained("x.yaml", tmp_path, tmp_path)) == "is not a file"


def test_a_name_too_long_for_the_system_is_refused(tmp_path: Path) -> None:
    assert _why(contained("x" * 5_000, tmp_path, tmp_path)) == "cannot be read: file name too long"


def test_a_link_inside_the_root_is_followed(tmp_path: Path) -> None:
    write(tmp_path, {"a/x.yaml": ""})
    (tmp_path / "y.yaml").symlink_to("a/x.yaml")
    assert contained("y.yaml", tmp_path, tmp_path) == tmp_path / "a/x.yaml"


@pytest.mark.parametrize("text", ["x.yaml", "a/x.yaml", "y.yaml/x.yaml"])
def test_a_file_that_is_not_there_is_missing(tmp_path: Path, text: str) -> None:
    write(tmp_path, {"y.yaml": ""})
    assert contained(text, tmp_path, tmp_path) == Missing()


def test_paths_are_relative_to_the_importing_file(tmp_path: Path) -> None:
    write(tmp_path, {"a/b/x.yaml": "", "a/y.yaml": ""})
    folder = tmp_path / "a/b"
    found = import_path("../y.yaml", ManifestKind.TOOL, folder, tmp_path)
    assert found == tmp_path / "a/y.yaml"


@pytest.mark.parametrize(
    ("kind", "place"),
    [
        (ManifestKind.TOOL, "tools/fetch/tool.yaml"),
        (ManifestKind.TOOL, "tools/fetch/tool.yml"),
        (ManifestKind.TOOL, "tools/fetch/fetch.yaml"),
        (ManifestKind.TOOL, "tools/fetch/any.yaml"),
        (ManifestKind.TOOL, "tools/fetch/any.md"),
        (ManifestKind.TOOL, "tools/fetch.yaml"),
        (ManifestKind.RELIC, "relics/fetch/relic.yml"),
        (ManifestKind.AGENT, "agents/fetch/agent.yml"),
        (ManifestKind.WORKFLOW, "workflows/fetch/workflow.yml"),
        (ManifestKind.WORKFLOW, "workflow/fetch/fetch.workflow.yml"),
        (ManifestKind.WORKFLOW, "workflow/fetch.workflow.yml"),
        (ManifestKind.TOOL, "manifests/tools/fetch/tool.yml"),
        (ManifestKind.WORKFLOW, "manifests/workflow/fetch.workflow.yml"),
    ],
)
def test_a_bare_name_is_found_under_the_root(
    tmp_path: Path, kind: ManifestKind, place: str
) -> None:
    text = "---\nkind: Tool\n---\n" if place.endswith(".md") else "kind: Tool\n"
    write(tmp_path, {place: text, "sub/x.yaml": ""})
    assert import_path("fetch", kind, tmp_path / "sub", tmp_path) == tmp_path / place


def test_a_bare_name_is_looked_up_among_its_own_kind(tmp_path: Path) -> None:
    write(tmp_path, {"tools/fetch/tool.yaml": "kind: Tool\n"})
    assert import_path("fetch", ManifestKind.RELIC, tmp_path, tmp_path) == Missing()


def test_a_bare_name_whose_file_lies_outside_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "root"
    write(tmp_path, {"tool.yaml": "kind: Tool\n", "root/tools/x": ""})
    (root / "tools/fetch").symlink_to(tmp_path)
    assert _why(import_path("fetch", ManifestKind.TOOL, root, root)).startswith(_OUTSIDE)


@pytest.mark.parametrize("text", [".", ".."])
def test_dots_are_no_bare_name(tmp_path: Path, text: str) -> None:
    assert isinstance(import_path(text, ManifestKind.TOOL, tmp_path, tmp_path), Refused)


def test_the_root_is_what_is_given(tmp_path: Path) -> None:
    write(tmp_path, {"a/cortex.toml": ""})
    assert root_of(tmp_path / "a", root=tmp_path, cwd=tmp_path / "a") == tmp_path


def test_a_root_that_is_no_folder_is_a_mistake_of_the_command(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a folder"):
        root_of(tmp_path, root=tmp_path / "x", cwd=tmp_path)


@pytest.mark.parametrize("mark", ["cortex.toml", ".git/HEAD"])
def test_the_root_is_the_nearest_marked_folder_around(tmp_path: Path, mark: str) -> None:
    write(tmp_path, {"cortex.toml": "", f"a/{mark}": "", "a/b/c/x.yaml": ""})
    assert root_of(tmp_path / "a/b/c", root=None, cwd=tmp_path) == tmp_path / "a"


def test_without_a_mark_the_root_is_the_current_folder_around_the_manifest(tmp_path: Path) -> None:
    write(tmp_path, {"a/b/x.yaml": ""})
    assert root_of(tmp_path / "a/b", root=None, cwd=tmp_path / "a") == tmp_path / "a"


def test_else_the_root_is_the_manifests_own_folder(tmp_path: Path) -> None:
    write(tmp_path, {"a/x.yaml": "", "b/y.yaml": ""})
    assert root_of(tmp_path / "a", root=None, cwd=tmp_path / "b") == tmp_path / "a"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("agent.yaml", "# a note\nkind: Agent\n"),
        ("agent.yml", "\ufeffkind: 'Agent'\n"),
        ("agent.yaml", '{"kind": "Agent"}'),
        ("agent.md", "---\nkind: Agent\n---\n# Title\n"),
        ("relic.yml", "PraetorianRelics:\n  X: {}\n"),
    ],
)
def test_the_one_manifest_of_a_folder_is_found(tmp_path: Path, name: str, text: str) -> None:
    write(
        tmp_path,
        {
            name: text,
            "docker-compose.yml": "services: {}\n",
            "README.md": "# Read\n```yaml\nkind: Agent\n```\n",
            "deploy.yaml": "kind: Deployment\n",
            "main.py": "kind: Agent\n",
            "deeper/agent.yaml": "kind: Agent\n",
        },
    )
    assert entry_in(tmp_path) == tmp_path / name


def test_a_folder_without_a_manifest_is_a_mistake_of_the_command(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no manifest in the folder"):
        entry_in(tmp_path)


def test_a_folder_with_two_manifests_asks_for_one(tmp_path: Path) -> None:
    write(tmp_path, {"a/tool.yaml": TOOL, "a/agent.yml": "kind: Agent\n"})
    with pytest.raises(UsageError, match=r"2 manifests .*; name one of them: agent.yml, tool.yaml"):
        entry_in(tmp_path / "a")


def test_what_is_no_folder_cannot_be_looked_into(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: no such file or directory"):
        entry_in(tmp_path / "x")

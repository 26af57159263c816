"""An import that leads nowhere hints at the file that may be meant."""

from pathlib import Path

import pytest

from cortex_cli.kinds import ManifestKind
from cortex_cli.manifest.near_files import near_import
from tests.manifest.trees import TOOL, agent, all_told, write


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(
        tmp_path,
        {
            "root/tools/fetch/tool.yaml": TOOL.format(name="fetch"),
            "root/tools/empty/x": "",
            "root/manifests/tools/count/tool.yaml": TOOL.format(name="count"),
            "root/a/b.yaml": "",
            "secret/tool.yaml": "",
        },
    )
    return tmp_path / "root"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("./tools/fetsh/tool.yaml", "tools/fetch/tool.yaml"),
        ("tools/fetch/tol.yaml", "tools/fetch/tool.yaml"),
        ("tols/fetch/tool.yaml", "tools/fetch/tool.yaml"),
        ("tols/fetsh/tool.yaml", None),
        ("quite/other/tool.yaml", None),
        ("tools/fetch/tool.yaml", None),
        ("tools/fetch/tool.yaml/x", None),
        ("../secrets/tool.yaml", None),
        ("../secret/tol.yaml", None),
        ("fetsh", "fetch"),
        ("cuont", "count"),
        ("empti", None),
        ("zzz", None),
        ("fet\0ch/x.yaml", None),
        ("x" * 5_000 + "/x.yaml", None),
    ],
)
def test_the_nearest_that_is_there_is_meant(root: Path, text: str, meant: str | None) -> None:
    assert near_import(text, ManifestKind.TOOL, root, root) == meant


def test_a_loop_of_links_is_no_folder(root: Path) -> None:
    (root / "loop").symlink_to("loop")
    assert near_import("loop/tool.yaml", ManifestKind.TOOL, root, root) is None


def test_the_call_and_the_note_say_it(tmp_path: Path) -> None:
    files = {
        "m.yaml": agent("{id: a, type: tool, target: fetsh}", head="import: {tools: [fetsh.yaml]}"),
        "fetch.yaml": TOOL.format(name="fetch"),
    }
    lines = all_told(tmp_path, files)
    assert len(lines) == 2
    assert all(line.endswith("did you mean 'fetch.yaml'?") for line in lines)


def test_few_hints_are_looked_for(tmp_path: Path) -> None:
    texts = ", ".join(f"fetc{number}.yaml" for number in range(30))
    files = {
        "m.yaml": agent("{id: a, type: internal}", head=f"import: {{tools: [{texts}]}}"),
        "fetch.yaml": TOOL.format(name="fetch"),
    }
    lines = all_told(tmp_path, files)
    assert [line.endswith("did you mean 'fetch.yaml'?") for line in lines] == [True] * 20 + [
        False
    ] * 10

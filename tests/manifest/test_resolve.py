"""Imports: each file once, cycles and all, every problem of every file."""

from pathlib import Path

import pytest

from cortex_cli.kinds import ManifestKind
from cortex_cli.manifest.library import Library
from cortex_cli.manifest.load import load_content, load_file
from cortex_cli.manifest.resolve import MOST_IMPORTS, load_library
from tests.manifest.trees import TOOL, all_told, write

_AGENT = "kind: Agent\nname: {}\nimport:\n{}\n"


def _agent(name: str, **imports: str) -> str:
    return _AGENT.format(name, "\n".join(f"  {key}: {value}" for key, value in imports.items()))


def _library(folder: Path, entry: str = "m.yaml") -> Library:
    return load_library(load_file(folder / entry, entry), root=folder, cwd=folder)


def test_imports_are_loaded_with_what_they_import(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "m.yaml": _agent("a", agents="[b/agent.yaml]", tools="[./tools/t/tool.yaml]"),
            "b/agent.yaml": _agent("b", tools="[../tools/t/tool.yaml, ../tools/u/tool.yaml]"),
            "tools/t/tool.yaml": TOOL,
            "tools/u/tool.yaml": TOOL,
        },
    )
    library = _library(tmp_path)
    assert library.problems == []
    [tool, sub] = library.imports(library.entry)
    assert (tool.file, sub.file) == ("tools/t/tool.yaml", "b/agent.yaml")
    assert library.imports(sub)[0] is tool
    assert [one.file for one in library.imports(sub)] == ["tools/t/tool.yaml", "tools/u/tool.yaml"]


def test_an_import_cycle_is_fine(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "m.yaml": _agent("a", agents="[b.yaml, ./m.yaml]"),
            "b.yaml": _agent("b", agents="[m.yaml]"),
        },
    )
    library = _library(tmp_path)
    assert library.problems == []
    [sub, itself] = library.imports(library.entry)
    assert itself is library.entry
    assert library.imports(sub) == [library.entry]


def test_a_file_that_is_named_in_several_ways_is_loaded_once(tmp_path: Path) -> None:
    names = "[t, ./tools/t/tool.yaml, tools/../tools/t/tool.yaml, link.yaml]"
    write(tmp_path, {"m.yaml": _agent("a", tools=names), "tools/t/tool.yaml": TOOL})
    (tmp_path / "link.yaml").symlink_to("tools/t/tool.yaml")
    library = _library(tmp_path)
    assert library.problems == []
    assert len(library.imports(library.entry)) == 1


def test_a_target_is_found_in_the_own_imports_first_then_in_the_importers(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "m.yaml": _agent("a", agents="[b/agent.yaml]", tools="[t, u]"),
            "b/agent.yaml": _agent("b", tools="[./t.yaml]", workflows="[../w.yaml]"),
            "b/t.yaml": TOOL.format(name="t"),
            "w.yaml": "kind: Workflow\nname: w\nactions: []\n",
            "tools/t/tool.yaml": TOOL,
            "tools/u/tool.yaml": TOOL,
        },
    )
    library = _library(tmp_path)
    sub = library.find(library.entry, ManifestKind.AGENT, "b")
    assert sub is not None
    flow = library.find(sub, ManifestKind.WORKFLOW, "w")
    assert flow is not None
    places = {
        (loaded.file, name): found.file if found else None
        for loaded in (library.entry, sub, flow)
        for name in ("t", "u", "v")
        for found in [library.find(loaded, ManifestKind.TOOL, name)]
    }
    assert places == {
        ("m.yaml", "t"): "tools/t/tool.yaml",
        ("m.yaml", "u"): "tools/u/tool.yaml",
        ("m.yaml", "v"): None,
        ("b/agent.yaml", "t"): "b/t.yaml",
        ("b/agent.yaml", "u"): "tools/u/tool.yaml",
        ("b/agent.yaml", "v"): None,
        ("w.yaml", "t"): "b/t.yaml",
        ("w.yaml", "u"): "tools/u/tool.yaml",
        ("w.yaml", "v"): None,
    }
    assert [name for _, name in library.names(flow)] == ["t", "w", "u", "b"]


def test_a_missing_import_is_a_note(tmp_path: Path) -> None:
    files = {"m.yaml": "kind: Agent\nname: a\nimport:\n  tools: [./x.yaml, gone]\n"}
    assert all_told(tmp_path, files) == [
        "m.yaml:4:11: note: the import './x.yaml' was not found",
        "m.yaml:4:21: note: the import 'gone' was not found",
    ]


@pytest.mark.parametrize("text", ["../../../etc/passwd", "/etc/passwd", "/dev/zero", "../x.yaml"])
def test_an_import_that_leaves_the_root_is_an_error(tmp_path: Path, text: str) -> None:
    [line] = all_told(tmp_path, {"m.yaml": _agent("a", tools=f"[{text}]")})
    assert line.startswith(f"m.yaml:4:11: the import '{text}' ")
    assert "must be a relative path" in line or "leads out of the root" in line


def test_a_link_out_of_the_root_is_an_error(tmp_path: Path) -> None:
    root = tmp_path / "root"
    write(tmp_path, {"x.yaml": TOOL.format(name="x"), "root/cortex.toml": ""})
    (root / "x.yaml").symlink_to("../x.yaml")
    [line] = all_told(root, {"m.yaml": _agent("a", tools="[./x.yaml]")})
    assert "the import './x.yaml' leads out of the root" in line
    assert line.endswith("; choose the root with --root")


def test_every_problem_of_every_file_is_told_at_once(tmp_path: Path) -> None:
    files = {
        "m.yaml": "kind: Agent\nname: a\ngrad: 1\nimport:\n  tools: [t.yaml, u.yaml, v.yaml]\n",
        "t.yaml": "kind: Tool\nname: t\n",
        "u.yaml": "kind: Tool\nname: u\nname: w\n",
        "v.yaml": "kind: Monument\n",
    }
    codes = [line.split("; ")[0] for line in all_told(tmp_path, files)]
    assert codes == [
        "m.yaml:3:1: unknown key 'grad'",
        "t.yaml:1:1: 'implementation' is missing",
        "u.yaml:3:1: the key 'name' stands twice, here and on line 2",
        "v.yaml:1:7: a manifest of kind Monument cannot be run",
    ]


def test_what_a_broken_file_imports_is_loaded_all_the_same(tmp_path: Path) -> None:
    files = {
        "m.yaml": _agent("a", agents="[b.yaml]"),
        "b.yaml": "kind: Agent\nname: 3\nimport: {tools: [t.yaml]}\n",
        "t.yaml": "kind: Tool\nname: t\n",
    }
    assert [line.partition(" ")[0] for line in all_told(tmp_path, files)] == [
        "b.yaml:2:7:",
        "t.yaml:1:1:",
    ]


def test_a_file_of_another_kind_is_an_error_with_the_right_list(tmp_path: Path) -> None:
    files = {"m.yaml": _agent("a", relics="[t.yaml]"), "t.yaml": TOOL.format(name="t")}
    assert all_told(tmp_path, files) == [
        "m.yaml:4:12: t.yaml is of kind Tool, not Relic; import it with 'import.tools'"
    ]


def test_two_imports_of_one_name_are_an_error(tmp_path: Path) -> None:
    files = {
        "m.yaml": _agent("a", tools="[t.yaml, u.yaml]"),
        "t.yaml": TOOL.format(name="t"),
        "u.yaml": TOOL.format(name="t"),
    }
    assert all_told(tmp_path, files) == [
        "m.yaml:4:19: t.yaml and u.yaml are both called 't'; import one of them"
    ]


def test_a_hundred_thousand_imports_are_one_error(tmp_path: Path) -> None:
    lines = "".join(f"    - x{number}\n" for number in range(100_000))
    files = {"m.yaml": f"kind: Agent\nname: a\nimport:\n  tools:\n{lines}"}
    assert all_told(tmp_path, files) == ["m.yaml:5:5: 'import.tools' has more than 10,000 entries"]


def test_imports_are_counted_over_all_files(tmp_path: Path) -> None:
    half = MOST_IMPORTS // 2
    listed = ", ".join(f"x{number}.yaml" for number in range(half))
    files = {
        "m.yaml": _agent("a", agents="[b.yaml]", tools=f"[{listed}]"),
        "b.yaml": _agent("b", tools=f"[{listed}]"),
    }
    errors = [line for line in all_told(tmp_path, files) if "was not found" not in line]
    assert [error.partition(" ")[2] for error in errors] == ["there are more than 10,000 imports"]
    assert errors[0].startswith("b.yaml:4:")


def test_standard_input_imports_from_the_current_folder(tmp_path: Path) -> None:
    write(tmp_path, {"t.yaml": TOOL.format(name="t")})
    entry = load_content(_agent("a", tools="[t.yaml]").encode(), "-", tmp_path)
    library = load_library(entry, root=tmp_path, cwd=tmp_path)
    assert library.problems == []
    assert library.find(entry, ManifestKind.TOOL, "t") is not None


def test_files_outside_of_the_current_folder_are_told_in_full(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"a/m.yaml": _agent("a", tools="[../t.yaml]"), "t.yaml": "kind: Tool\nname: t\n"},
    )
    entry = load_file(tmp_path / "a/m.yaml", "m.yaml")
    library = load_library(entry, root=tmp_path, cwd=tmp_path / "a")
    assert library.problems[0].file == str(tmp_path / "t.yaml")

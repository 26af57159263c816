"""Where a command starts: a file, a folder, standard input."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from cortex_cli.errors import CortexError, ManifestError, Severity, UsageError
from cortex_cli.kinds import ActionType
from cortex_cli.manifest.document import Limits
from cortex_cli.manifest.open import examine, open_program
from cortex_cli.manifest.program import ToolTarget
from tests.manifest.garbage import GARBAGE
from tests.manifest.trees import TOOL, agent, all_told, write

_CALL = agent("{id: a, type: tool, target: t}", head="import: {tools: [t]}")


def test_a_file_is_opened_with_its_name_as_given(tmp_path: Path) -> None:
    write(tmp_path, {"x/m.yaml": "kind: Agent\nname: a\n"})
    program, problems = open_program(Path("x/m.yaml"), cwd=tmp_path)
    assert (program.file, program.folder, problems) == ("x/m.yaml", tmp_path / "x", [])


def test_a_folder_with_one_manifest_is_opened(tmp_path: Path) -> None:
    write(tmp_path, {"x/m.yaml": "kind: Agent\nname: a\n", "x/docker-compose.yml": "a: 1\n"})
    program, _ = open_program(Path("x"), cwd=tmp_path)
    assert program.file == "x/m.yaml"


def test_standard_input_is_opened_in_the_current_folder(tmp_path: Path) -> None:
    write(tmp_path, {"tools/t/tool.yaml": TOOL})
    program, _ = open_program(_CALL.encode(), cwd=tmp_path)
    assert (program.file, program.folder) == ("-", tmp_path)
    assert program.plan is not None


def test_front_matter_is_a_manifest(tmp_path: Path) -> None:
    write(tmp_path, {"a.md": "---\nkind: Agent\nname: a\n---\n# About\n"})
    program, _ = open_program(Path("a.md"), cwd=tmp_path)
    assert program.name == "a"


def test_a_link_to_a_manifest_has_the_paths_of_the_file_itself(tmp_path: Path) -> None:
    files = {"x/m.yaml": agent(head="import: {tools: [./t.yaml]}"), "x/t.yaml": TOOL}
    write(tmp_path, files)
    (tmp_path / "link.yaml").symlink_to("x/m.yaml")
    program, problems = open_program(Path("link.yaml"), cwd=tmp_path)
    assert (program.folder, problems) == (tmp_path / "x", [])


def test_all_errors_are_raised_at_once_and_notes_kept(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "m.yaml": agent(
                "{id: a, type: tool, target: zzz}",
                head="import: {tools: [gone, t.yaml]}\npersona: {agent: a.md}\nversion: 1.0",
            ),
            "t.yaml": "kind: Tool\nname: t\n",
        },
    )
    with pytest.raises(ManifestError) as caught:
        open_program(Path("m.yaml"), cwd=tmp_path)
    told = [(one.file, one.line, one.severity.value) for one in caught.value.problems]
    assert told == [
        ("m.yaml", 7, "error"),
        ("m.yaml", 5, "note"),
        ("t.yaml", 1, "error"),
        ("m.yaml", 6, "note"),
    ]


def test_notes_alone_are_given_back(tmp_path: Path) -> None:
    write(tmp_path, {"m.yaml": agent(head="import: {tools: [gone]}")})
    _, problems = open_program(Path("m.yaml"), cwd=tmp_path)
    assert [problem.severity for problem in problems] == [Severity.NOTE]


@pytest.mark.parametrize("entry", ["gone.yaml", "loop.yaml", "pipe.yaml", "a\0b"])
def test_what_is_no_file_is_refused(tmp_path: Path, entry: str) -> None:
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(ManifestError) as caught:
        open_program(Path(entry), cwd=tmp_path)
    assert len(caught.value.problems) == 1


def test_a_device_is_refused_without_reading_it(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="this is a device, not a file"):
        open_program(Path("/dev/zero"), cwd=tmp_path)


def test_a_manifest_outside_of_the_root_is_a_mistake_of_the_command(tmp_path: Path) -> None:
    write(tmp_path, {"a/x": "", "m.yaml": "kind: Agent\nname: a\n"})
    with pytest.raises(UsageError, match=r"m.yaml lies outside of the root .*/a"):
        open_program(Path("m.yaml"), root=tmp_path / "a", cwd=tmp_path)


def test_the_root_bounds_imports(tmp_path: Path) -> None:
    write(tmp_path, {"a/m.yaml": agent(head="import: {tools: [../t.yaml]}"), "t.yaml": TOOL})
    program, _ = open_program(Path("a/m.yaml"), root=tmp_path, cwd=tmp_path)
    assert program.name == "a"
    with pytest.raises(ManifestError, match="leads out of the root"):
        open_program(Path("a/m.yaml"), root=tmp_path / "a", cwd=tmp_path)


@pytest.mark.parametrize("kind", ["Agent", "Workflow"])
def test_only_tools_and_relics_have_operations(tmp_path: Path, kind: str) -> None:
    write(tmp_path, {"m.yaml": f"kind: {kind}\nname: a\nactions: []\n"})
    with pytest.raises(UsageError, match=f"m.yaml is of kind {kind}, which has no operations"):
        open_program(Path("m.yaml"), cwd=tmp_path, operation="x")


def test_limits_hold_for_the_entry_and_its_imports(tmp_path: Path) -> None:
    long = f"{TOOL}    description: {'x' * 500}\n".format(name="t")
    write(tmp_path, {"m.yaml": agent(head="import: {tools: [./t.yaml]}"), "t.yaml": long})
    with pytest.raises(ManifestError, match=r"t\.yaml: the file is larger than 400 bytes"):
        open_program(Path("m.yaml"), cwd=tmp_path, limits=Limits(max_bytes=400))


def test_an_entry_that_is_too_wrong_gives_its_problems_only(tmp_path: Path) -> None:
    write(tmp_path, {"m.yaml": "kind: Agent\nname: 3\n"})
    program, problems = examine(Path("m.yaml"), cwd=tmp_path)
    assert program is None
    assert [problem.code for problem in problems] == ["wrong_type"]


@pytest.mark.parametrize("place", ["inner", "outer"])
def test_a_build_with_packages_names_its_requirements(tmp_path: Path, place: str) -> None:
    build = "build: {engine: pip, requirements_file: ./requirements.txt}"
    inner = f"kind: Tool\nname: t\nimplementation:\n  type: script\n  entrypoint: x\n  {build}\n"
    text = inner if place == "inner" else f"{TOOL.format(name='t')}    {build}\n"
    write(tmp_path, {"m.yaml": text, "requirements.txt": "# needs\nleft-pad\n"})
    program, problems = open_program(Path("m.yaml"), cwd=tmp_path)
    tool = program.lookup(ActionType.TOOL, "t")
    assert problems == []
    assert isinstance(tool, ToolTarget)
    assert tool.requirements == tmp_path / "requirements.txt"


@pytest.mark.parametrize("content", ["# none\n", "\n# none\n\n"])
def test_requirements_without_packages_ask_for_nothing(tmp_path: Path, content: str) -> None:
    text = f"{TOOL.format(name='t')}    build: {{engine: pip}}\n"
    assert all_told(tmp_path, {"m.yaml": text, "requirements.txt": content}) == []


def test_a_deployment_of_the_users_is_kept_as_it_is(tmp_path: Path) -> None:
    text = (
        "kind: Relic\nname: r\ninterface: {type: embedded, engine: sqlite_kv}\n"
        "deployment: {type: docker, docker_compose_file: x.yml, replicas: 2}\n"
    )
    assert all_told(tmp_path, {"m.yaml": text}) == []


@pytest.mark.no_cover
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(GARBAGE)
def test_whatever_is_opened_only_our_own_errors_come_of_it(
    tmp_path: Path, document: object
) -> None:
    try:
        program, problems = open_program(json.dumps(document).encode(), cwd=tmp_path)
    except CortexError:
        return
    assert not any(problem.severity is Severity.ERROR for problem in problems)
    assert list(program.reached())

"""Files that settings come from: read inside the root, noted where they are missing."""

from pathlib import Path

import pytest

from cortex_cli.errors import Severity
from cortex_cli.manifest.environment import SettingsFiles
from cortex_cli.manifest.load import load_file
from tests.manifest.trees import all_told, write


def _files(folder: Path, manifest: str, **others: str) -> SettingsFiles:
    write(folder, {"m.yaml": manifest, **others})
    return SettingsFiles(load_file(folder / "m.yaml", "m.yaml"), folder)


def _agent(line: str) -> str:
    return f"kind: Agent\nname: a\n{line}\n"


def _told(files: SettingsFiles) -> list[str]:
    return [str(problem) for problem in files.problems]


def test_variables_come_after_those_of_the_files(tmp_path: Path) -> None:
    text = "environment: {env_file: [.env, b.env], variables: {C: $A}}"
    write(tmp_path, {".env": "A=1\nB=1\nC=1\n", "b.env": "B=2\n"})
    files = _files(tmp_path, _agent(text))
    assert files.variables() == {"A": "1", "B": "2", "C": "$A"}
    assert files.problems == []


def test_variables_may_stand_in_the_environment_itself(tmp_path: Path) -> None:
    inner = "environment: {A: a, B_2: b, variables: {A: c}, resources: {}}"
    files = _files(tmp_path, _agent(inner))
    assert files.variables() == {"A": "c", "B_2": "b"}
    assert files.problems == []


@pytest.mark.parametrize(
    ("inner", "told"),
    [
        ("{A: 1}", "1:18: 'environment.A' must be a string, not 1; quote it: \"1\""),
        ("{variabls: {A: b}}", "did you mean 'variables'?"),
        ("{A: b, variables: [c]}", "'environment.variables' must be a mapping"),
    ],
)
def test_what_stands_there_wrongly_has_its_place(tmp_path: Path, inner: str, told: str) -> None:
    text = f"environment: {inner}\nkind: Agent\nname: a\nactions: []\n"
    assert told in all_told(tmp_path, {"m.yaml": text})[0]


@pytest.mark.parametrize(
    ("line", "variables"),
    [
        ("A=1", {"A": "1"}),
        ("  export A = x y  ", {"A": "x y"}),
        ("A='x # y'", {"A": "x # y"}),
        ('A="x"', {"A": "x"}),
        ("A=\"x'", {"A": "\"x'"}),
        ("A='", {"A": "'"}),
        ("A=b=c", {"A": "b=c"}),
        ("A=", {"A": ""}),
        ("A=pa$$word ${B} $(id)", {"A": "pa$$$$word $${B} $$(id)"}),
        ("# A=1", {}),
        ("   ", {}),
        ("\ufeffA=1", {"A": "1"}),
    ],
)
def test_lines_of_a_file_are_values_and_not_references(
    tmp_path: Path, line: str, variables: dict[str, str]
) -> None:
    write(tmp_path, {".env": f"{line}\nZ=1\n"})
    files = _files(tmp_path, _agent("environment: {env_file: .env}"))
    assert files.variables() == {**variables, "Z": "1"}


@pytest.mark.parametrize("line", ["A B=1", "1A=2", "just text", "=x"])
def test_a_line_that_is_no_assignment_is_noted(tmp_path: Path, line: str) -> None:
    write(tmp_path, {".env": f"A=1\n{line}\n"})
    files = _files(tmp_path, _agent("environment: {env_file: .env}"))
    assert files.variables() == {"A": "1"}
    assert _told(files) == ["m.yaml:3:25: note: line 2 of '.env' is not of the form NAME=value"]


def test_a_missing_or_empty_file_is_noted(tmp_path: Path) -> None:
    write(tmp_path, {"b.env": " \n"})
    files = _files(tmp_path, _agent("environment: {env_file: [.env, b.env]}"))
    assert files.variables() == {}
    assert _told(files) == [
        "m.yaml:3:25: note: the file '.env' was not found",
        "m.yaml:3:25: note: the file 'b.env' is empty",
    ]


def test_a_file_out_of_the_root_is_an_error(tmp_path: Path) -> None:
    files = _files(tmp_path, _agent("environment: {env_file: ../../etc/passwd}"))
    assert files.variables() == {}
    assert files.problems[0].severity is Severity.ERROR
    assert "leads out of the root" in files.problems[0].message


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"A=\xff", "it is not UTF-8"), (b"A=" + b"x" * 2**20, "the file is larger than 1 MB")],
)
def test_a_file_that_cannot_be_used_is_an_error(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    (tmp_path / ".env").write_bytes(content)
    files = _files(tmp_path, _agent("environment: {env_file: .env}"))
    assert files.variables() == {}
    assert _told(files) == [f"m.yaml:3:25: the file '.env' cannot be used: {reason}"]


def test_prompt_files_are_looked_for(tmp_path: Path) -> None:
    write(tmp_path, {"a.md": "Be kind", "u.md": "", "x/k.md": "Facts"})
    text = "persona: {agent: a.md, user: u.md, system: s.md, knowledge: [x/k.md, ../k.md]}"
    files = _files(tmp_path, _agent(text))
    files.check_prompts()
    assert [problem.message.split(" out of")[0] for problem in files.problems] == [
        "the file 'u.md' is empty",
        "the file 's.md' was not found",
        "the file '../k.md' leads",
    ]


def test_only_agents_have_prompt_files(tmp_path: Path) -> None:
    files = _files(tmp_path, "kind: Workflow\nname: w\nactions: []\n")
    files.check_prompts()
    assert files.problems == []


def test_a_file_that_is_not_kept_has_no_variables(tmp_path: Path) -> None:
    assert _files(tmp_path, "kind: Agent\nname: 3\n").variables() == {}


def test_packages_are_the_lines_that_are_no_notes(tmp_path: Path) -> None:
    write(tmp_path, {"r.txt": "# none\n\n  left-pad==1\nx\n"})
    files = _files(tmp_path, _agent(""))
    assert files.packages("r.txt", ("build",)) == ["left-pad==1", "x"]

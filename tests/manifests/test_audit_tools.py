"""The probes of the audit measure repositories that are made for each test."""

from pathlib import Path

import pytest

PROBES = [
    "count_languages",
    "read_history",
    "find_large_files",
    "count_markers",
    "map_imports",
    "measure_tests",
    "check_project_files",
    "list_dependencies",
    "scan_secrets",
]


def test_a_checkout_is_found_from_any_folder_in_it(call_tool, checkout):
    checkout.commit({"src/deep/a.py": "x = 1\n", "b.py": ""})
    (checkout.root / "b.py").write_text("changed")
    found = call_tool("find_checkout", cwd=checkout.root / "src", repo="deep").output
    assert (found["root"], found["name"]) == (str(checkout.root.resolve()), "project")
    assert (found["branch"], len(found["head"])) == ("main", 40)
    assert (found["tracked_files"], found["changed_files"], found["shallow"]) == (2, 1, False)


def test_the_digests_of_a_checkout_change_with_what_they_are_of(call_tool, checkout):
    def look() -> dict[str, str]:
        return call_tool("find_checkout", cwd=checkout.root).output["contents"]

    checkout.commit({"a.py": "x = 1\n", "README.md": "Hello\n"})
    first = look()
    assert look() == first
    (checkout.root / "a.py").write_text("x = 2\n")
    code = look()
    assert {name for name in first if code[name] != first[name]} == {"all", "python"}
    (checkout.root / "README.md").unlink()
    gone = look()
    assert {name for name in code if gone[name] != code[name]} == {"all", "project"}


def test_a_checkout_without_commits_has_neither_head_nor_branch(call_tool, checkout):
    found = call_tool("find_checkout", cwd=checkout.root).output
    assert (found["head"], found["branch"], found["tracked_files"]) == (None, None, 0)


def test_a_folder_that_is_no_checkout_is_a_clear_failure(call_tool, tmp_path):
    answer = call_tool("find_checkout", cwd=tmp_path, repo=".")
    assert (answer.exit_code, answer.error) == (1, f"{tmp_path} is not inside a git checkout")
    answer = call_tool("find_checkout", cwd=tmp_path, repo="nowhere")
    assert answer.error.startswith("nowhere: no such folder")


@pytest.mark.parametrize("name", PROBES)
def test_every_probe_works_in_a_repository_without_commits(probe, name):
    assert isinstance(probe(name), dict)


@pytest.mark.parametrize("name", PROBES)
def test_every_probe_fails_clearly_outside_a_repository(call_tool, tmp_path, name):
    answer = call_tool(name, root=str(tmp_path))
    assert answer.exit_code == 1
    assert "not a git repository" in answer.error


def test_languages_are_counted_by_lines(probe, checkout):
    checkout.write(
        {"a.py": "1\n2\n3\n", "b.PY": "4\n", "run.sh": "true\n", "x.bin": b"\0\1", "LICENSE": "no"}
    )
    (checkout.root / "link.py").symlink_to("a.py")
    checkout.git("add", "--all")
    counted = probe("count_languages")
    python = counted["languages"][0]
    assert (python["language"], python["files"], python["lines"]) == ("Python", 2, 4)
    assert python["share"] == pytest.approx(4 / 6, abs=1e-4)
    assert (counted["files"], counted["lines"], counted["not_counted"]) == (5, 6, 1)


def test_history_knows_authors_and_what_changes_most(probe, checkout):
    checkout.commit({"a.py": "1\n", "b c.py": "1\n"})
    checkout.commit({"b c.py": "2\n3\n"}, author="Grace")
    checkout.commit({"b c.py": "4\n", "x.bin": b"\0"}, author="Grace")
    history = probe("read_history")
    assert (history["commits"], history["looked_at"]) == (3, 3)
    assert history["authors"] == [{"name": "Grace", "commits": 2}, {"name": "Ada", "commits": 1}]
    assert history["hot_spots"][0] == {"path": "b c.py", "commits": 3, "lines_changed": 7}
    assert history["first_commit"] == history["last_commit"]


def test_history_looks_at_no_more_commits_than_it_is_told(probe, checkout):
    for number in range(3):
        checkout.commit({"a.py": f"{number}\n"})
    history = probe("read_history", most_commits=2)
    assert (history["commits"], history["looked_at"]) == (3, 2)


def test_large_files_come_largest_first(probe, checkout):
    checkout.write({"small": "x", "grün.txt": "x" * 300, "big": "x" * 200})
    found = probe("find_large_files", most=2, too_large_bytes=250)
    assert [item["path"] for item in found["largest"]] == ["grün.txt", "big"]
    assert found["too_large"] == 1


def test_markers_count_as_whole_words_in_text_files(probe, checkout):
    todo = "TO" + "DO"
    checkout.write(
        {"a.py": f"# {todo}: x {todo}\n", "b/c.md": f"{todo}S no, FIXME yes\n", "d": f"\0{todo}"}
    )
    counted = probe("count_markers")
    assert counted["by_marker"] == {todo: 2, "FIXME": 1}
    assert counted["files"][0] == {"path": "a.py", "count": 2}
    assert counted["examples"][1]["path"] == "b/c.md"


def test_a_marker_is_a_word_and_no_pattern(call_tool, checkout):
    answer = call_tool("count_markers", root=str(checkout.root), markers=["("])
    assert (answer.exit_code, answer.error) == (1, "a marker is letters, digits and '_'")


def test_the_lines_of_tests_are_held_against_those_of_code(probe, checkout):
    checkout.write(
        {
            "src/a.py": "x = 1\n\n\ny = 2\n",
            "tests/helper.py": "z = 1\n",
            "src/b_test.go": "package b\n",
            "test_a.py": "async def test_x():\n    def test_inner(): ...\n",
            "README.md": "no code\n",
        }
    )
    measured = probe("measure_tests")
    assert (measured["test_files"], measured["test_lines"]) == (3, 4)
    assert (measured["code_files"], measured["code_lines"], measured["ratio"]) == (1, 2, 2.0)


def test_project_files_are_found_by_their_usual_names(probe, checkout):
    checkout.write(
        {
            "README.rst": "one two three",
            "LICENCE.txt": "Permission is hereby granted,\nfree of charge",
            ".github/workflows/test.yml": "on: push",
            "docs/changelog.md": "",
            "src/README.md": "not this one",
        }
    )
    found = probe("check_project_files")
    assert found["present"] == {
        "readme": "README.rst",
        "licence": "LICENCE.txt",
        "changelog": "docs/changelog.md",
        "CI": ".github/workflows/test.yml",
    }
    assert (found["licence"], found["readme_words"]) == ("MIT", 3)
    assert "security policy" in found["missing"]


def test_dependencies_of_four_ecosystems_are_read(probe, checkout):
    checkout.write(
        {
            "pyproject.toml": '[project]\nname = "me"\n'
            'dependencies = ["Rich>=1", "bare", "me[x]"]\n',
            "requirements-dev.txt": "-r other.txt\n# note\npytest==9 ; python_version > '3'\n",
            "web/package.json": '{"dependencies": {"left-pad": "*", "vue": "^3"}}',
            "web/node_modules/x/package.json": '{"dependencies": {"hidden": "1"}}',
            "Cargo.toml": '[dependencies]\nserde = { version = "1" }\n',
            "go.mod": "module m\nrequire (\n\tgithub.com/a/b v1.2.3\n)\n",
            "Cargo.lock": "",
        }
    )
    found = probe("list_dependencies")
    names = {name for each in found["declarations"] for name in each["dependencies"]}
    assert names == {"rich", "bare", "pytest", "left-pad", "vue", "serde", "github.com/a/b"}
    assert found["unbounded"] == ["bare", "left-pad"]
    assert found["lock_files"] == ["Cargo.lock"]


def test_a_declaration_that_cannot_be_read_is_named(probe, checkout):
    checkout.write({"pyproject.toml": "[project", "package.json": "[]", "Cargo.toml": b"\xff"})
    found = probe("list_dependencies")
    assert found["unread"] == ["Cargo.toml", "package.json", "pyproject.toml"]


def test_what_looks_like_a_secret_is_located_and_never_shown(call_tool, checkout):
    token = "ghp" + "_" + "a1B2c3D4e5" * 4
    generated = "9fK2xQ7vL0pZ4tR8"
    checkout.write(
        {
            "config.py": f"# first\nTOKEN = '{token}'\napi_key = '{generated}'\n",
            "tests/data.txt": "-----BEGIN " + "PRIVATE KEY-----\n",
            "plain.py": "password = 'correct-horse-battery-staple'\ntoken = read_token()\n",
        }
    )
    answer = call_tool("scan_secrets", root=str(checkout.root))
    assert answer.output["suspects"] == [
        {"path": "config.py", "line": 2, "kind": "GitHub token", "in_tests": False},
        {"path": "config.py", "line": 3, "kind": "assigned string", "in_tests": False},
        {"path": "tests/data.txt", "line": 1, "kind": "private key", "in_tests": True},
    ]
    assert token not in str(answer)
    assert generated not in str(answer)


def test_a_user_git_configuration_does_not_confuse_the_probes(probe, checkout, environment):
    settings = "[grep]\ncolumn = true\n[color]\nui = always\n[log]\nshowSignature = true\n"
    (Path(environment["HOME"]) / ".gitconfig").write_text(settings)
    checkout.commit({"a.py": "# FIXME\npassword = 'x1y2z3a4b5c6d7e8'\n"})
    assert probe("count_markers")["total"] == 1
    assert probe("scan_secrets")["found"] == 1
    assert probe("read_history")["hot_spots"][0]["path"] == "a.py"

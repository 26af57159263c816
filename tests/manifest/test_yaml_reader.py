"""What a document may not hold although it is YAML, each with its place and the way out."""

import sys

import pytest

from cortex_cli.errors import ManifestError, SetupError
from cortex_cli.manifest.yaml_reader import Limits, read_document
from tests.manifest.reading import FILE, codes_of, document_of, problems_of, scalar_of, value_of


def test_lists_mappings_and_scalars_are_read() -> None:
    text = "a: [1, {b: c}]\nd:\n- e\n- - f\ng: {}\nh: []\n? i\n: j\n"
    assert value_of(text) == {"a": [1, {"b": "c"}], "d": ["e", ["f"]], "g": {}, "h": [], "i": "j"}


def test_keys_without_values_are_null() -> None:
    assert value_of("a:\nb: {c}\n") == {"a": None, "b": {"c": None}}


def test_an_explicit_document_is_read() -> None:
    assert value_of("%YAML 1.2\n---\na: 1\n...\n") == {"a": 1}


@pytest.mark.parametrize("text", ["", "\n\n", "# a note\n", "---\n", "~", "null", "--- # note\n"])
def test_an_empty_file_is_an_error(text: str) -> None:
    [problem] = problems_of(text)
    assert problem.code == "yaml_empty"
    assert problem.hint == "begin it with a key such as 'kind'"


@pytest.mark.parametrize(
    ("text", "kind"),
    [("- a\n", "a list"), ("[]", "a list"), ("text\n", "a single value"), ("12", "a single value")],
)
def test_a_root_that_is_no_mapping_is_an_error(text: str, kind: str) -> None:
    [problem] = problems_of(text)
    assert (problem.code, problem.line, problem.column) == ("yaml_root", 1, 1)
    assert problem.message == f"a manifest is a mapping of keys to values, not {kind}"


def test_duplicate_keys_are_told_with_both_lines() -> None:
    first, second = problems_of("id: a\nmode: b\nid: c\nx: {y: 1,\n y: 2}\n")
    assert first.message == "the key 'id' stands twice, here and on line 1"
    assert (first.code, first.line, first.column) == ("yaml_duplicate_key", 3, 1)
    assert second.message == "the key 'y' stands twice, here and on line 4"
    assert (second.line, second.column) == (5, 2)


def test_a_third_key_is_told_with_the_line_of_the_first() -> None:
    problems = problems_of("a: 1\nb: 1\na: 2\nb: 2\na: 3\n")
    lines = [problem.message.rsplit(" ", 1)[1] for problem in problems]
    assert lines == ["1", "2", "1"]


def test_the_same_key_in_different_mappings_is_fine() -> None:
    assert value_of("a: {a: {a: 1}}") == {"a": {"a": {"a": 1}}}


@pytest.mark.parametrize(
    "key", ["1", "010", "1.5", "null", "~", "true", ".nan", "1e309", "9" * 1_001]
)
def test_a_key_that_is_not_text_is_to_be_quoted(key: str) -> None:
    [problem] = problems_of(f"a: 1\n{key}: x\n")
    assert (problem.code, problem.line, problem.column) == ("yaml_key", 2, 1)
    assert problem.hint is not None
    assert problem.hint.startswith(f'put it in quotes: "{key[:40]}')
    assert value_of(f'"{key}": x') == {key: "x"}


@pytest.mark.parametrize("key", ["no", "on", "2024-01-01", "1:30", "-x", "+", ".", "1.2.3"])
def test_a_key_that_is_text_needs_no_quotes(key: str) -> None:
    assert value_of(f"{key}: x") == {key: "x"}


def test_a_missing_key_is_told() -> None:
    [problem] = problems_of("? \n: x\n")
    assert (problem.code, problem.line) == ("yaml_key", 1)
    assert problem.message == "a key is missing here"


@pytest.mark.parametrize(
    ("text", "column", "kind"),
    [("? [a]\n: b", 3, "a list"), ("a: {{b}}", 5, "a mapping"), ("a: {[b]: c}", 5, "a list")],
)
def test_a_list_or_mapping_as_key_is_refused(text: str, column: int, kind: str) -> None:
    [problem] = problems_of(text)
    assert (problem.code, problem.line, problem.column) == ("yaml_key", 1, column)
    assert problem.message == f"a key must be text, not {kind}"
    assert '"{{name}}"' in (problem.hint or "")


@pytest.mark.parametrize("escape", [r"\0", r"\a", r"\e", r"\r", r"\x7f", r"\x9b", r"\N"])
def test_a_control_character_is_refused_in_a_key_and_read_in_a_value(escape: str) -> None:
    [problem] = problems_of(f'a: 1\n"x{escape}": 1')
    assert (problem.code, problem.line, problem.column) == ("yaml_character", 2, 1)
    assert problem.message.isprintable()
    assert len(scalar_of(f'"x{escape}"')) == 2


def test_tabs_ends_of_lines_and_spaces_are_read_in_a_key() -> None:
    assert value_of('"a\\tb\\nc": 1\n"d\\_e": 2') == {"a\tb\nc": 1, "d\xa0e": 2}


@pytest.mark.parametrize("text", ["x: &x {a: 1}\ny:\n  <<: *x\n", "x: 1\ny: \n  <<: {a: 1}\n"])
def test_a_merge_key_is_refused(text: str) -> None:
    [problem] = problems_of(text)
    assert (problem.code, problem.line, problem.column) == ("yaml_merge_key", 3, 3)
    assert problem.hint == "write out the keys that it would merge"


def test_a_quoted_merge_key_is_text() -> None:
    assert value_of('"<<": 1\na: <<') == {"<<": 1, "a": "<<"}


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("!!python/object/apply:os.system [id]", "!!python/object/apply:os.system"),
        ("!!python/name:os.system", "!!python/name:os.system"),
        ("!!str 1", "!!str"),
        ("!!binary aGk=", "!!binary"),
        ("!!map {b: 1}", "!!map"),
        ("!local 1", "!local"),
        ("! 1", "!"),
        ("!<tag:example.org,2000:x> 1", "tag:example.org,2000:x"),
        ("!e%1B x", r"!e\x1b"),
    ],
)
def test_every_tag_is_refused(written: str, shown: str) -> None:
    [problem] = problems_of(f"a: {written}")
    assert (problem.code, problem.line, problem.column) == ("yaml_tag", 1, 4)
    assert problem.message == f"the tag '{shown}' is not allowed"


def test_a_tag_on_a_key_or_on_the_root_is_refused() -> None:
    assert codes_of("!!map\n!!str a: 1") == [("yaml_tag", 1, 1), ("yaml_tag", 2, 1)]


@pytest.mark.parametrize("text", ["a: 1\n---\nb: 2\n", "a: 1\n---\n", "a: 1\n...\n--- 5\n"])
def test_a_second_document_is_refused(text: str) -> None:
    [problem] = problems_of(text)
    line = text.splitlines().index("--- 5" if "5" in text else "---") + 1
    assert (problem.code, problem.line, problem.column) == ("yaml_documents", line, 1)


def test_an_alias_repeats_the_same_object() -> None:
    value = value_of("a: &x [1, 2]\nb: *x\nc: &y text\nd: *y\n&k e: *k\n")
    assert value["b"] is value["a"]
    assert value["d"] == "text"
    assert value["e"] == "e"


def test_an_alias_repeats_the_last_anchor_of_its_name() -> None:
    assert value_of("a: &x 1\nb: &x 2\nc: *x\n") == {"a": 1, "b": 2, "c": 2}


@pytest.mark.parametrize("text", ["a: &a [*a]", "a: &a {b: *a}", "a: &a [[[*a]]]", "&a b: &c [*c]"])
def test_an_alias_within_its_own_value_is_refused(text: str) -> None:
    [problem] = problems_of(text)
    assert (problem.code, problem.column) == ("yaml_alias", text.index("*") + 1)
    assert problem.message.endswith("stands for a value that holds the alias itself")


def test_an_alias_of_nothing_is_told_with_the_way_to_mean_text() -> None:
    [problem] = problems_of("a: *star")
    assert (problem.code, problem.line, problem.column) == ("yaml_alias", 1, 4)
    assert problem.message == "the alias *star has no anchor &star before it"
    assert problem.hint == "put the text in quotes if it begins with '*'"


def test_an_alias_as_key_is_refused() -> None:
    assert codes_of("a: &x b\n*x : 1\nc: *y") == [("yaml_alias", 2, 1), ("yaml_alias", 3, 4)]


def test_many_problems_are_told_at_once_in_the_order_of_the_file() -> None:
    text = "a: !x 1\na: .nan\n2: *b\nc: {<<: 1}\nd: [\n"
    assert [code for code, _, _ in codes_of(text)] == [
        "yaml_tag",
        "yaml_duplicate_key",
        "yaml_number",
        "yaml_key",
        "yaml_alias",
        "yaml_merge_key",
        "yaml_syntax",
    ]


def test_no_more_than_a_hundred_problems_are_told() -> None:
    assert len(problems_of("a: 1\n" * 1_000)) == 100


def test_a_message_is_one_printable_line() -> None:
    [problem] = problems_of('"a\\n\\e[2J": 1\n"a\\n\\e[2J": 2\n')[:1]
    assert str(problem).isprintable()


def test_lists_and_mappings_may_be_nested_as_deep_as_allowed() -> None:
    limits = Limits(max_depth=3)
    assert document_of("a: [[1]]", limits).value == {"a": [[1]]}
    with pytest.raises(ManifestError) as caught:
        document_of("a: [[[1]]]", limits)
    [problem] = caught.value.problems
    assert (problem.code, problem.column) == ("yaml_depth", 6)
    assert problem.message == "lists and mappings are nested more than 3 deep"


def test_what_an_alias_repeats_counts_as_nested() -> None:
    limits = Limits(max_depth=4)
    assert document_of("a: &x [[1]]\nb: [*x]\n", limits).value["b"] == [[[1]]]
    with pytest.raises(ManifestError, match="nested more than 4 deep"):
        document_of("a: &x [[1]]\nb: [[*x]]\n", limits)
    with pytest.raises(ManifestError, match="nested more than 4 deep"):
        document_of("a: &x [1]\nb: &y [*x]\nc: &z [*y]\nd: [*z]", limits)


def test_values_are_counted_and_their_keys_are_not() -> None:
    limits = Limits(max_nodes=4)
    assert document_of("a: 1\nb: [2]\n", limits).value == {"a": 1, "b": [2]}
    with pytest.raises(ManifestError, match="there are more than 4 values"):
        document_of("a: 1\nb: [2, 3]\n", limits)


def test_what_an_alias_repeats_is_counted_each_time() -> None:
    limits = Limits(max_nodes=9)
    assert document_of("a: &x [1, 2]\nb: [*x]\n", limits).value["b"] == [[1, 2]]
    with pytest.raises(
        ManifestError, match="with what aliases repeat there are more than 9 values"
    ):
        document_of("a: &x [1, 2]\nb: [*x, *x]\n", limits)
    with pytest.raises(ManifestError, match="there are more than 9 values"):
        document_of("a: &x [1, 2]\nb: [*x]\nc: [3, 4]", limits)


def test_aliases_are_counted() -> None:
    text = f"a: &x 1\nb: [{'*x, ' * 1_000}*x]"
    [problem] = problems_of(text)
    assert (problem.code, problem.message) == ("yaml_alias", "there are more than 1,000 aliases")
    assert len(value_of(text.replace(", *x]", "]"))["b"]) == 1_000


def test_more_values_than_a_file_of_its_size_has_are_refused() -> None:
    [problem] = problems_of(f"a: [{'0,' * 100_000}]")
    assert problem.code == "yaml_size"
    assert problem.message == "there are too many values here for the size of the file"


def test_content_beyond_the_size_allowed_is_refused() -> None:
    assert read_document(b"a: 1", FILE, Limits(max_bytes=4)).value == {"a": 1}
    with pytest.raises(ManifestError, match="the file is larger than 3 bytes"):
        read_document(b"a: 1", FILE, Limits(max_bytes=3))


def test_a_missing_c_parser_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml._yaml", None)
    with pytest.raises(SetupError, match="without its C parser"):
        read_document(b"a: 1", FILE)

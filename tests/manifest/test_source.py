"""Encodings, characters and front matter."""

import codecs

import pytest

from cortex_cli.manifest.yaml_reader import read_document
from tests.manifest.reading import FILE, codes_of, problems_of, value_of

ASCII = "name: plain\n"


def test_a_byte_order_mark_is_fine() -> None:
    assert read_document(codecs.BOM_UTF8 + b"a: 1", FILE).value == {"a": 1}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf16_is_named(encoding: str) -> None:
    [problem] = problems_of(ASCII.encode(encoding))
    assert (problem.code, problem.line, problem.column) == ("yaml_encoding", 1, 1)
    assert problem.message == "the file is written in UTF-16"
    assert problem.hint == "save it as UTF-8"


@pytest.mark.parametrize("encoding", ["utf-32", "utf-32-le", "utf-32-be"])
def test_utf32_is_named(encoding: str) -> None:
    [problem] = problems_of(ASCII.encode(encoding))
    assert problem.message == "the file is written in UTF-32"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("é".encode("latin-1"), "the byte 0xE9 is not UTF-8: the file looks like Latin-1"),
        ("“x”".encode("cp1252"), "the byte 0x93 is not UTF-8: the file looks like Windows-1252"),
        (b"\x7fELF\xff\0\0", "the byte 0xFF is not UTF-8: this is not a text file"),
    ],
)
@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
def test_another_encoding_is_guessed_and_its_first_byte_located(
    content: bytes, message: str, mark: bytes
) -> None:
    [problem] = problems_of(mark + b"name: \xc3\xbc\r\nsummary: \xc3\xbc " + content)
    assert problem.message.startswith(message)
    assert problem.code == "yaml_encoding"
    assert (problem.line, problem.column) == (2, 12 if not content.startswith(b"\x7f") else 16)


@pytest.mark.parametrize(
    ("character", "escape"),
    [
        ("\0", r"\x00"),
        ("\x07", r"\x07"),
        ("\x1b", r"\x1b"),
        ("\x7f", r"\x7f"),
        ("\x85", r"\x85"),
        ("\u2028", r"\u2028"),
        ("\u2029", r"\u2029"),
        ("\ufeff", r"\ufeff"),
        ("\uffff", r"\uffff"),
    ],
)
def test_a_forbidden_character_is_located_and_may_be_written_as_an_escape(
    character: str, escape: str
) -> None:
    [problem] = problems_of(f"a: 1\nb: 'ü{character}'\n")
    assert (problem.code, problem.line, problem.column) == ("yaml_character", 2, 6)
    assert escape in (problem.hint or "")
    assert value_of(f'a: "{escape}"') == {"a": character}


def test_a_comment_cannot_hide_a_key_behind_a_line_end_that_editors_do_not_show() -> None:
    assert codes_of("a: 1\n# note\u2028b: 2\n") == [("yaml_character", 2, 7)]


def test_forbidden_characters_are_all_told_up_to_a_hundred() -> None:
    assert codes_of("a: \x01\rb: \x02\r\nc: \x03") == [
        ("yaml_character", 1, 4),
        ("yaml_character", 2, 4),
        ("yaml_character", 3, 4),
    ]
    assert len(problems_of("\x01" * 1_000)) == 100


def test_front_matter_is_read_with_the_lines_of_the_file() -> None:
    content = b"\xef\xbb\xbf---  \r\nkind: Agent\r\nname: x\r\n---\r\n# Title\r\n\x00\xff"
    document = read_document(content, FILE, markdown=True)
    assert document.value == {"kind": "Agent", "name": "x"}
    assert document.locate(("name",)) == (3, 7)


@pytest.mark.parametrize("end", ["---", "---\n", "...\ntext", "---  \r\ntext: ["])
def test_front_matter_ends_at_a_line_of_dashes_or_dots(end: str) -> None:
    document = read_document(f"---\na: '---'\n{end}".encode(), FILE, markdown=True)
    assert document.value == {"a": "---"}


@pytest.mark.parametrize(
    "content", ["# Title\n", "", "\n---\na: 1\n---\n", "--- a: 1\n---\n", "----\n"]
)
def test_markdown_without_front_matter_is_refused(content: str) -> None:
    [problem] = problems_of(content, markdown=True)
    assert (problem.code, problem.line, problem.column) == ("yaml_front_matter", 1, 1)
    assert "'---'" in (problem.hint or "")


def test_front_matter_without_an_end_is_refused() -> None:
    [problem] = problems_of("---\na: 1\n ---\n", markdown=True)
    assert problem.message == "the front matter that begins here has no end"


def test_empty_front_matter_is_an_empty_manifest() -> None:
    [problem] = problems_of("---\n---\ntext", markdown=True)
    assert problem.code == "yaml_empty"


@pytest.mark.parametrize("begin", ["", "# note\n", "%YAML 1.2\n", "a: 1\n...\n", "a: 1\r...\r"])
def test_a_tag_directive_is_refused(begin: str) -> None:
    [problem] = problems_of(f"{begin}%TAG !e! tag:example.org,2000:\n---\na: !e!x 1\n")
    line = begin.replace("\r", "\n").count("\n") + 1
    assert (problem.code, problem.line, problem.column) == ("yaml_tag", line, 1)


def test_the_words_of_a_tag_directive_may_stand_in_text() -> None:
    assert value_of("a: x %TAG y") == {"a": "x %TAG y"}

"""The text of a manifest before it is parsed: its encoding, its characters, its front matter."""

import codecs
import re

from cortex_cli.errors import ManifestError, Problem

MOST_PROBLEMS = 100
"""After so many problems a file is given up."""

# In this order, as the mark of UTF-32 begins with that of UTF-16.
_BYTE_ORDER_MARKS = (
    ("UTF-32", (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)),
    ("UTF-16", (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)),
)
# A manifest begins in ASCII, so where its zeros are shows the width of its characters.
_ZEROS = (
    ("UTF-32", re.compile(rb"\0\0\0[^\0]|[^\0]\0\0\0")),
    ("UTF-16", re.compile(rb"\0[^\0]\0|[^\0]\0[^\0]\0")),
)
_OPENING = re.compile(rb"(?:\xef\xbb\xbf)?---[ \t]*\r?\n")
_CLOSING = re.compile(rb"^(?:---|\.\.\.)[ \t]*\r?$", re.MULTILINE)
# What YAML calls not printable, and what only YAML 1.1 took for line ends: the parser still does,
# editors do not, and a comment could hide a key that way.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_HARMLESS = bytes([*b"\t\n\r", *range(0x20, 0x7F)])
# The parser compares each of these with all before it: a megabyte of them takes it ten seconds.
_TAG_DIRECTIVE = re.compile(r"(?:\A|[\r\n])(?=%TAG)")


def front_matter(content: bytes, file: str) -> bytes:
    """The beginning of a Markdown file, up to the line that ends its front matter.

    It begins where the file does, so that lines stay what they are. Raises ManifestError if the
    first line is not `---`, or no line ends what it begins.
    """
    opening = _OPENING.match(content)
    if opening is None:
        message = "this Markdown file holds no manifest, as it has no front matter"
        hint = "begin it with a line '---', the manifest, and another line '---'"
        raise ManifestError([_at_start("yaml_front_matter", message, hint, file)])
    closing = _CLOSING.search(content, opening.end())
    if closing is None:
        message = "the front matter that begins here has no end"
        raise ManifestError(
            [_at_start("yaml_front_matter", message, "end it with a line '---'", file)]
        )
    return content[: closing.start()]


def check_encoding(content: bytes, file: str) -> None:
    """Raise ManifestError if the content begins like UTF-16 or UTF-32."""
    names = [name for name, marks in _BYTE_ORDER_MARKS if content.startswith(marks)]
    names += [name for name, zeros in _ZEROS if zeros.match(content)]
    if names:
        message = f"the file is written in {names[0]}"
        raise ManifestError([_at_start("yaml_encoding", message, "save it as UTF-8", file)])


def check_text(content: bytes, file: str) -> None:
    """Raise ManifestError if the content is not UTF-8, or holds characters that YAML forbids."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise ManifestError([_not_utf8(exc, file)]) from exc
    # A regular expression takes ten times as long as this for what most files consist of.
    rest = content.removeprefix(codecs.BOM_UTF8).translate(None, _HARMLESS).decode()
    problems = _forbidden(text, file) if _FORBIDDEN.search(rest) else []
    if b"%TAG" in content:
        problems += _tag_directive(text, file)
    if problems:
        raise ManifestError(problems)


def place_in(text: str, offset: int) -> tuple[int, int]:
    """The line and column, from 1, of a character that is not the second half of a line end."""
    ends = text.count("\n", 0, offset) + text.count("\r", 0, offset)
    begin = max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1
    return ends - text.count("\r\n", 0, offset) + 1, offset - begin + 1


def _forbidden(text: str, file: str) -> list[Problem]:
    problems: list[Problem] = []
    for match, _ in zip(_FORBIDDEN.finditer(text), range(MOST_PROBLEMS), strict=False):
        code = ord(match[0])
        escape = f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
        line, column = place_in(text, match.start())
        problem = Problem(
            code="yaml_character",
            message=f"the character U+{code:04X} is not allowed in the file itself",
            hint=f'remove it, or write it as "{escape}" within double quotes',
            file=file,
            line=line,
            column=column,
        )
        problems.append(problem)
    return problems


def _tag_directive(text: str, file: str) -> list[Problem]:
    directive = _TAG_DIRECTIVE.search(text)
    if directive is None:
        return []
    line, column = place_in(text, directive.end())
    problem = Problem(
        code="yaml_tag",
        message="%TAG is not allowed, as tags are not",
        hint="remove the line",
        file=file,
        line=line,
        column=column,
    )
    return [problem]


def _not_utf8(error: UnicodeDecodeError, file: str) -> Problem:
    # All before the byte that is wrong is UTF-8.
    before = error.object[: error.start].decode()
    if b"\0" in error.object:
        guess = "this is not a text file"
    elif re.search(rb"[\x80-\x9f]", error.object):
        guess = "the file looks like Windows-1252"
    else:
        guess = "the file looks like Latin-1 (ISO-8859-1)"
    line, column = place_in(before, len(before))
    return Problem(
        code="yaml_encoding",
        message=f"the byte 0x{error.object[error.start]:02X} is not UTF-8: {guess}",
        hint="save it as UTF-8",
        file=file,
        line=line,
        column=column,
    )


def _at_start(code: str, message: str, hint: str, file: str) -> Problem:
    return Problem(code=code, message=message, hint=hint, file=file, line=1, column=1)

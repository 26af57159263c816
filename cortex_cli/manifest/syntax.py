"""What the parser objects to, in plain words, with the place to look at and the way out."""

from typing import NamedTuple

from yaml.error import Mark, MarkedYAMLError

from cortex_cli.errors import Problem


class _Words(NamedTuple):
    message: str
    hint: str | None = None


_QUOTE = "put text that begins so in quotes"
_ESCAPE = "double a backslash that stands for itself, or use single quotes"
_TAB = _Words("a tab stands where only spaces may indent", "indent with spaces")
_TAG = _Words("a tag is not allowed", "put the text in quotes if it begins with '!'")
_UNCLOSED = _Words("the quote that opens here is not closed", "close it")

# The words of libyaml 0.2.5 (scanner.c and parser.c); any others are passed on as they are.
_WORDS = {
    "mapping values are not allowed in this context": _Words(
        "a ':' is not expected here",
        "put the text that holds it in quotes, or check the indentation",
    ),
    "mapping keys are not allowed in this context": _Words("a '?' is not expected here", _QUOTE),
    "block sequence entries are not allowed in this context": _Words(
        "a '-' is not expected here", "begin the list on a line of its own"
    ),
    "could not find expected ':'": _Words(
        "the key before this has no ':'",
        "write 'key: value', or indent the line if it goes on with the text above it",
    ),
    "did not find expected key": _Words(
        "a key is expected here", "check the indentation, and the quotes before this"
    ),
    "did not find expected '-' indicator": _Words(
        "a '-' is expected here, as the items above begin with one",
        "indent what belongs to the last item",
    ),
    "did not find expected ',' or ']'": _Words("a ',' or ']' is expected here"),
    "did not find expected ',' or '}'": _Words("a ',' or '}' is expected here"),
    "did not find expected node content": _Words("a value is expected here", _QUOTE),
    "did not find expected alphabetic or numeric character": _Words(
        "after '*' or '&' the name of an alias is expected", _QUOTE
    ),
    "did not find expected <document start>": _Words(
        "this does not belong to the mapping that the file begins with",
        "indent all keys of a mapping alike",
    ),
    "did not find expected comment or line break": _Words(
        "the line should end here", "begin the text on the next line, indented"
    ),
    "found character that cannot start any token": _Words(
        "a value cannot begin with this character", _QUOTE
    ),
    "found unknown escape character": _Words(
        "this escape means nothing within double quotes", _ESCAPE
    ),
    "did not find expected hexdecimal number": _Words(
        "this escape lacks hexadecimal digits", _ESCAPE
    ),
    "found invalid Unicode character escape code": _Words(
        "this escape stands for half a character, or for none",
        "write the character itself, or '\\U' and its eight digits",
    ),
    "found incompatible YAML document": _Words("only YAML 1.1 and 1.2 can be read"),
    "found undefined tag handle": _TAG,
    "found unexpected end of stream": _UNCLOSED,
    "found unexpected document indicator": _UNCLOSED,
    "found a tab character where an indentation space is expected": _TAB,
    "found a tab character that violates indentation": _TAB,
}


def problem_of(error: MarkedYAMLError, text: str, file: str) -> Problem:
    """The problem that an objection of the parser to `text` stands for."""
    words, mark = _words(error), error.problem_mark
    if words is _UNCLOSED:
        mark = error.context_mark
    elif mark and text[mark.index : mark.index + 1] == "\t":
        words = _TAB
    return Problem(
        code="yaml_tag" if words is _TAG else "yaml_syntax",
        message=words.message + _opening(error, mark),
        hint=words.hint,
        file=file,
        line=mark.line + 1 if mark else None,
        column=mark.column + 1 if mark else None,
    )


def _words(error: MarkedYAMLError) -> _Words:
    if error.context in {"while scanning a tag", "while parsing a tag"}:
        return _TAG
    problem = error.problem or "this is not YAML"
    return _WORDS.get(problem, _Words(problem))


def _opening(error: MarkedYAMLError, mark: Mark | None) -> str:
    """Where the list or mapping began that this ends in, if it was on another line."""
    start = error.context_mark
    if not start or not mark or start.line == mark.line:
        return ""
    match error.context:
        case "while parsing a flow sequence":
            return f", as the '[' on line {start.line + 1} is still open"
        case "while parsing a flow mapping":
            return f", as the '{{' on line {start.line + 1} is still open"
        case _:
            return ""

"""References, held against a plain account of how a template was written."""

import json
from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cortex_cli.plan.paths import Path
from cortex_cli.plan.references import MISSING, errors, find, parse, resolve

TEMPLATE_LIKE = st.text(alphabet="$${}()[].:-_ab09\"'\\ \n", max_size=40)
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
FIELDS = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,8}", fullmatch=True)
PLAIN = st.text(max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PLAIN, inner, max_size=3),
    max_leaves=8,
)


@given(named=JSON)
def test_no_value_is_read_again(named: Any) -> None:
    asked: list[str] = []

    def lookup(root: str, _: Path) -> Any:
        asked.append(root)
        return {"text": named, "again": "$other ${x} $(y) $$"}

    assert resolve({"k": ["$x"]}, lookup)["k"][0]["text"] is named
    assert asked == ["x"]


@settings(deadline=None)
@given(text=TEMPLATE_LIKE | st.text(max_size=30))
def test_no_text_raises_anything_but_a_syntax_error(text: str) -> None:
    found = errors([text])
    if found:
        ((path, error),) = found
        assert path == (0,)
        assert 0 <= error.position <= len(text)
        assert find(text) == []
        return
    template = parse(text)
    for reference in template.references:
        assert text[reference.start : reference.end] == reference.text
        assert parse(reference.text).is_single
    assert (template.literal is None) == bool(template.references)
    resolve(text, lambda _, __: MISSING)


@dataclass(frozen=True)
class Written:
    """A piece of a template: how it is written, and what it says."""

    text: str
    root: str | None = None
    path: Path = ()
    default: str | None = None
    literal: str = ""


def _quoted(key: str) -> str:
    return '["' + key.replace("\\", "\\\\").replace('"', '\\"') + '"]'


@st.composite
def references(draw: st.DrawFn) -> Written:
    root = draw(NAMES)
    if draw(st.booleans()):
        # A bare name ends where the next piece begins, so something has to part them.
        return Written(f"${root}", root)
    path: list[str | int] = []
    text = root
    for _ in range(draw(st.integers(0, 3))):
        segment = draw(FIELDS | st.integers(0, 99))
        key = draw(st.none() | PLAIN)
        path.append(segment if key is None else key)
        dotted = f"[{segment}]" if isinstance(segment, int) else f".{segment}"
        text += dotted if key is None else _quoted(key)
    if draw(st.booleans()):
        return Written(f"$({text})", root, tuple(path))
    default = draw(st.none() | st.text(alphabet="ab -:,$\n", max_size=6))
    suffix = "" if default is None else ":-" + default.replace("$", "$$")
    return Written(f"${{{text}{suffix}}}", root, tuple(path), default)


LITERALS = PLAIN.map(lambda text: Written(text.replace("$", "$$"), literal=text))
SPACED = st.lists(references() | LITERALS, min_size=1, max_size=6)


@settings(deadline=None)
@given(pieces=SPACED, named=JSON, is_missing=st.booleans())
def test_reading_and_resolving_agree_with_how_the_template_was_written(
    pieces: list[Written], named: Any, *, is_missing: bool
) -> None:
    text = "|".join(piece.text for piece in pieces)
    read = [(r.root, r.path, r.default) for r in parse(text).references]
    assert read == [(p.root, p.path, p.default) for p in pieces if p.root is not None]

    def value_of(piece: Written) -> Any:
        if piece.root is None:
            return piece.literal
        value = None if is_missing else named
        return piece.default if piece.default is not None and value in (None, "") else value

    def text_of(value: Any) -> str:
        compact = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return value if isinstance(value, str) else compact

    resolved = resolve(text, lambda _, __: MISSING if is_missing else named)
    if len(pieces) == 1:
        assert resolved == value_of(pieces[0])
    else:
        assert resolved == "|".join(text_of(value_of(piece)) for piece in pieces)

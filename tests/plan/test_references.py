"""References in texts and in nested values: how they are read, and what takes their place."""

from typing import Any

import pytest

from cortex_cli.errors import ActionError, CortexError
from cortex_cli.plan.paths import Path
from cortex_cli.plan.references import (
    MISSING,
    Lookup,
    Reference,
    ReferenceSyntaxError,
    errors,
    find,
    output_source,
    parse,
    resolve,
    walk,
)
from cortex_cli.protocol.sealed import Sealed, reveal


def lookup_in(**values: Any) -> Lookup:
    """Looks roots up in the values, and paths in what they name."""
    return lambda root, path: walk(values.get(root, MISSING), path)


def only(text: str) -> tuple[str, Path, str | None]:
    (reference,) = parse(text).references
    return reference.root, reference.path, reference.default


@pytest.mark.parametrize(
    ("text", "root", "path"),
    [
        ("$key", "key", ()),
        ("$_k9", "_k9", ()),
        ("${key}", "key", ()),
        ("${key.path[0].name}", "key", ("path", 0, "name")),
        ("$(steps.ID.field)", "steps", ("ID", "field")),
        ("$(steps.fetch-page.a-b)", "steps", ("fetch-page", "a-b")),
        ('${a["any text: }$[]"]}', "a", ("any text: }$[]",)),
        ("${a['x'].y['']}", "a", ("x", "y", "")),
        (r'${a["say \"hi\" \\ \n"]}', "a", ('say "hi" \\ \\n',)),
        ("${a[007]}", "a", (7,)),
        ('${a["__class__"]}', "a", ("__class__",)),
        ("${__a}", "__a", ()),
    ],
)
def test_each_form_names_a_root_and_a_path(text: str, root: str, path: Path) -> None:
    template = parse(text)
    assert only(text) == (root, path, None)
    assert template.is_single
    assert template.literal is None
    assert template.references == (Reference(root, path, None, text, 0, len(text)),)


@pytest.mark.parametrize(
    ("text", "default"),
    [
        ("${a:-b c}", "b c"),
        ("${a:-}", ""),
        ("${a.b:--1}", "-1"),
        ('${a:-{"x": {}}}', '{"x": {}}'),
        ("${a:-$$5 is $5}", "$5 is $5"),
        ("${a:-$$$}", "$$"),
    ],
)
def test_a_default_reaches_to_the_brace_that_closes_the_reference(text: str, default: str) -> None:
    assert only(text)[2] == default
    assert parse(text).is_single


def test_a_bare_reference_is_a_name_only() -> None:
    template = parse("$key.x[0]")
    assert template.references == (Reference("key", (), None, "$key", 0, 4),)
    assert template.parts[1] == ".x[0]"
    assert not template.is_single
    assert parse("$key.__class__").references[0].root == "key"


def test_references_know_where_they_stand() -> None:
    text = "see ${a.b} and $(c)!"
    for reference in parse(text).references:
        assert text[reference.start : reference.end] == reference.text
    assert [r.text for r in parse(text).references] == ["${a.b}", "$(c)"]


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        ("", ""),
        ("plain", "plain"),
        ("5 $ or $5 or $é, $-", "5 $ or $5 or $é, $-"),
        ("$", "$"),
        ("$$", "$"),
        ("$$$", "$$"),
        ("$$name and $${x}", "$name and ${x}"),
        ("{x} {{7*7}} `id`", "{x} {{7*7}} `id`"),
    ],
)
def test_a_dollar_that_begins_no_reference_is_a_dollar(text: str, literal: str) -> None:
    template = parse(text)
    assert template.literal == literal
    assert template.references == ()
    assert not template.is_single


def test_a_doubled_dollar_leaves_the_next_one_its_meaning() -> None:
    assert parse("$$$a").parts == ("$", Reference("a", (), None, "$a", 2, 4))


@pytest.mark.parametrize(
    ("text", "position", "reason"),
    [
        ("${", 2, "a name is expected"),
        ("${}", 2, "a name is expected"),
        ("$()", 2, "a name is expected"),
        ("${ a }", 2, "a name is expected"),
        ("${0}", 2, "a name is expected"),
        ("${a", 3, "'}' is missing"),
        ("$(a", 3, "')' is missing"),
        ("${a:-b", 6, "'}' is missing"),
        ("${a:-{b}", 8, "'}' is missing"),
        ("$(a}", 3, "unexpected '}'"),
        ("$(date +%s)", 6, "unexpected ' '"),
        ("$(a:-b)", 3, "unexpected ':'"),
        ("${a:b}", 3, "unexpected ':'"),
        ("${a-b}", 3, "unexpected '-'"),
        ("${a.}", 3, "unexpected '.'"),
        ("${a..b}", 3, "unexpected '.'"),
        ("${a[-1]}", 3, "unexpected '['"),
        ("${a[b]}", 3, "unexpected '['"),
        ("${a['b\"]}", 3, "unexpected '['"),
        ("${a[1234567890]}", 3, "unexpected '['"),
        ("${a.__class__}", 4, "a field that begins with '__' cannot be named: '__class__'"),
        ("$(a.b.__x)", 6, "a field that begins with '__' cannot be named: '__x'"),
        ("${a:-${b}}", 5, "a default cannot hold a reference"),
        ("${a:-$$$b}", 7, "a default cannot hold a reference"),
        ("ok $a then ${", 13, "a name is expected"),
    ],
)
def test_a_malformed_reference_is_an_error_with_its_place(
    text: str, position: int, reason: str
) -> None:
    with pytest.raises(ReferenceSyntaxError) as caught:
        parse(text)
    assert caught.value.position == position
    assert caught.value.reason == reason
    assert f"{reason} (character {position + 1})" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_error_shows_the_way_out() -> None:
    with pytest.raises(CortexError, match=r"a literal dollar is written '\$\$'") as caught:
        parse("costs ${")
    assert caught.value.exit_code == 2
    assert isinstance(caught.value, ValueError)
    with pytest.raises(ReferenceSyntaxError, match=r"a default is written \$\{name:-default\}"):
        parse("$(a:-b)")
    with pytest.raises(ReferenceSyntaxError, match=r"after a name come .field, \[0\]"):
        parse("${a[b]}")
    with pytest.raises(ReferenceSyntaxError, match=r'a key of that name is \["__x"\]'):
        parse("${a.__x}")


def test_the_error_shows_only_the_beginning_of_a_long_text() -> None:
    with pytest.raises(ReferenceSyntaxError) as caught:
        parse("x" * 500 + "${" + "y" * 500)
    assert len(str(caught.value)) < 200
    assert "…" in str(caught.value)


def test_find_gives_each_reference_with_the_path_of_its_text() -> None:
    value = {"a": "$x and ${y.z}", "b": [1, "none", {"c": ["$(steps.s)"]}], "$k": "$$"}
    assert [(path, r.text) for path, r in find(value)] == [
        (("a",), "$x"),
        (("a",), "${y.z}"),
        (("b", 2, "c", 0), "$(steps.s)"),
    ]
    assert [path for path, _ in find("$x")] == [()]
    assert find(None) == find(5) == find({}) == find("none") == []


def test_malformed_texts_are_told_by_errors_and_left_out_by_find() -> None:
    value = ["${", {"k": "$ok ${a.__b}"}, "$fine", "$(x"]
    assert [r.text for _, r in find(value)] == ["$fine"]
    assert [(path, error.position) for path, error in errors(value)] == [
        ((0,), 2),
        ((1, "k"), 8),
        ((3,), 3),
    ]
    assert errors("$fine") == []


def test_no_depth_is_too_much() -> None:
    value: Any = "$x"
    for _ in range(5_000):
        value = {"k": [value]}
    assert [len(path) for path, _ in find(value)] == [10_000]
    assert errors(value) == []
    resolved = resolve(value, lookup_in(x=7))
    for _ in range(5_000):
        resolved = resolved["k"][0]
    assert resolved == 7


@pytest.mark.parametrize("named", [None, True, 3, 1.5, "text", [1], {"a": 1}])
def test_a_whole_reference_keeps_the_type(named: Any) -> None:
    assert resolve("${x}", lookup_in(x=named)) is named


@pytest.mark.parametrize(
    ("named", "text"),
    [
        ("a b", "<a b>"),
        (None, "<null>"),
        (True, "<true>"),
        (1.5, "<1.5>"),
        ({"k": ["é", None]}, '<{"k":["é",null]}>'),
    ],
)
def test_inside_text_a_value_goes_in_as_it_is_or_as_compact_json(named: Any, text: str) -> None:
    assert resolve("<$x>", lookup_in(x=named)) == text


@pytest.mark.parametrize("empty", [None, "", MISSING])
def test_a_default_stands_for_what_is_missing_null_or_empty(empty: Any) -> None:
    lookup = lookup_in(x=empty)
    assert resolve("${x:-d}", lookup) == "d"
    assert resolve("<${x:-d}>", lookup) == "<d>"


@pytest.mark.parametrize("named", [False, 0, [], {}, " "])
def test_a_default_does_not_stand_for_another_value(named: Any) -> None:
    assert resolve("${x:-d}", lookup_in(x=named)) is named


def test_what_is_missing_is_null() -> None:
    assert resolve(["${x.y}", "<$x>"], lookup_in()) == [None, "<null>"]


def test_resolve_leaves_the_value_alone_and_gives_a_copy() -> None:
    inner = {"b": "$x", "$x": "$$x"}
    value = {"a": [inner, 1, "plain"], "empty": {}}
    assert resolve(value, lookup_in(x=[2])) == {
        "a": [{"b": [2], "$x": "$x"}, 1, "plain"],
        "empty": {},
    }
    assert inner == {"b": "$x", "$x": "$$x"}


@pytest.mark.parametrize("value", [None, 5, "plain", ["a", {"$k": "b"}], {}])
def test_a_value_without_a_dollar_is_given_back_as_it_is(value: Any) -> None:
    assert resolve(value, lookup_in()) is value


def test_a_malformed_reference_is_an_error_when_it_is_resolved() -> None:
    with pytest.raises(ReferenceSyntaxError):
        resolve({"a": "${"}, lookup_in())


def test_a_value_without_a_json_text_is_an_action_error() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    assert resolve("${x}", lookup_in(x=deep)) is deep
    for named in (deep, object()):
        with pytest.raises(ActionError, match=r"the value of \$\{x\} cannot be written") as caught:
            resolve("<${x}>", lookup_in(x=named))
        assert caught.value.error_type == "reference"
        assert not caught.value.retryable


def test_a_secret_stays_sealed_alone_in_a_text_and_in_a_value() -> None:
    lookup = lookup_in(secrets={"KEY": Sealed("***", "hunter2!")}, v={"k": Sealed("***", "h2")})
    value = resolve(
        {"a": "${secrets.KEY:-x}", "b": "<${secrets.KEY}>", "c": "v=$v", "d": "$v"}, lookup
    )
    assert value == {"a": "***", "b": "<***>", "c": 'v={"k":"***"}', "d": {"k": "***"}}
    assert reveal(value) == {
        "a": "hunter2!",
        "b": "<hunter2!>",
        "c": 'v={"k":"h2"}',
        "d": {"k": "h2"},
    }
    assert resolve("${secrets.KEY.upper}", lookup) is None


@pytest.mark.parametrize(
    "hostile", ["${secrets.KEY}", "{{7*7}}", "$(id)", "`id`", "$$", "${", "${x}", '"; touch x #']
)
def test_what_a_reference_brings_in_is_never_read_again(hostile: str) -> None:
    lookup = lookup_in(x=hostile, secrets={"KEY": "hunter2!"}, id=1)
    value = {"whole": "$x", "inside": "<$x>", "nested": ["${y:-z}", "${x}"]}
    assert resolve(value, lookup) == {
        "whole": hostile,
        "inside": f"<{hostile}>",
        "nested": ["z", hostile],
    }


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ((), {"a": [10, {"b-c": None}], "0": "zero", "1": 1}),
        (("a",), [10, {"b-c": None}]),
        (("a", 0), 10),
        (("a", "0"), 10),
        (("a", "01"), MISSING),
        (("a", 1, "b-c"), None),
        (("a", 2), MISSING),
        (("a", -1), MISSING),
        (("a", "-1"), MISSING),
        (("a", "²"), MISSING),
        (("a", "9" * 5_000), MISSING),
        (("a", "x"), MISSING),
        ((0,), "zero"),
        ((5,), MISSING),
        (("x",), MISSING),
        (("a", 1, "b-c", "d"), MISSING),
        (("0", 0), MISSING),
        (("__class__",), MISSING),
        (("a", "append"), MISSING),
    ],
)
def test_walk_follows_keys_and_places_only(path: Path, found: Any) -> None:
    value = {"a": [10, {"b-c": None}], "0": "zero", "1": 1}
    assert walk(value, path) == found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("steps.a.field", "${steps.a.field}"),
        ("steps.a-b", "${steps.a-b}"),
        ('steps["a"][0]', '${steps["a"][0]}'),
        ("$(steps.a)", "$(steps.a)"),
        ("steps", "steps"),
        ("stepsister.a", "stepsister.a"),
        ("steps.a and more", "steps.a and more"),
        ("steps.a.__b", "steps.a.__b"),
        ("papers.a", "papers.a"),
        (7, 7),
    ],
)
def test_the_path_of_a_step_needs_no_dollar_in_an_output(source: Any, found: Any) -> None:
    assert output_source(source) == found

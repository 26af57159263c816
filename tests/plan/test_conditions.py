"""Conditions: what is read in them, what is refused, and what they say when they fail."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from cortex_cli.errors import ActionError, CortexError
from cortex_cli.plan.conditions import (
    ConditionError,
    ConditionSyntaxError,
    compile_condition,
    evaluate,
)
from cortex_cli.plan.paths import Path
from cortex_cli.plan.references import MISSING, Lookup, walk
from cortex_cli.protocol.sealed import Sealed

CONTEXT: dict[str, Any] = {
    "steps": {
        "fetch": {"status": "completed", "output": {"pages": 3, "status": "success"}},
        "a-b": {"status": "failed", "output": [1, 2]},
        "empty": {"count": None},
    },
    "papers": [{"title": "t"}, 2],
    "n": 3,
    "i": 0,
    "key": "k",
    "text": "some text",
    "flag": True,
    "rows": {"k": {"b": 5}, "odd key": 6, "in": 7},
    "package": "p",
    "list": [1],
    "map": {"x": 1},
    "secrets": {"KEY": "hunter2!"},
    "nothing": None,
}


def lookup_in(values: dict[str, Any]) -> Lookup:
    return lambda root, path: walk(values.get(root, MISSING), path)


def holds(text: str, **values: Any) -> bool:
    return evaluate(compile_condition(text), lookup_in(CONTEXT | values))


def failure(text: str, **values: Any) -> ConditionError:
    with pytest.raises(ConditionError) as caught:
        holds(text, **values)
    assert "\n" not in str(caught.value)
    return caught.value


def refusal(text: str) -> ConditionSyntaxError:
    with pytest.raises(ConditionSyntaxError) as caught:
        compile_condition(text)
    assert "\n" not in str(caught.value)
    assert f"(character {caught.value.position + 1})" in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        (
            'steps.fetch.status == "completed" && size(papers) > 0',
            (("steps", ("fetch", "status")), ("papers", ())),
        ),
        ('steps["a-b"].output[0] == 1', (("steps", ("a-b", "output", 0)),)),
        ("steps [ 'a-b' ] . output == [1, 2]", (("steps", ("a-b", "output")),)),
        ("$n > 2", (("n", ()),)),
        ("$rows.k.b == 5", (("rows", ("k", "b")),)),
        ("${steps.a-b.output}[1] == 2", (("steps", ("a-b", "output", 1)),)),
        ("$(steps.fetch.output).pages == 3", (("steps", ("fetch", "output", "pages")),)),
        ("papers.size() == 2", (("papers", ()),)),
        ("papers[0].title.startsWith('t')", (("papers", (0, "title")),)),
        ("rows[key].b == 5", (("rows", ()), ("key", ()))),
        ("papers[i].title == 't'", (("papers", ()), ("i", ()))),
        ('rows["odd\\u0020key"] == 6', (("rows", ()),)),
        ("rows[r'odd key'] == 6", (("rows", ()),)),
        ('rows["""k"""].b == 5', (("rows", ()),)),
        ("papers[1u] == 2", (("papers", ()),)),
        ("rows.in == 7", (("rows", ("in",)),)),
        ("n > 2 && n < 4", (("n", ()),)),
        ("{'a': n}.a == 3", (("n", ()),)),
        ("{key: n}['k'] == 3", (("key", ()), ("n", ()))),
        ("n in [1, 3]", (("n", ()),)),
        ("n in (papers + [3])", (("n", ()), ("papers", ()))),
        ("'k' in rows", (("rows", ()),)),
        ("type(n) == int", (("n", ()),)),
        ("type(list[0]) == type(map.x)", (("list", (0,)), ("map", ("x",)))),
        ("list == [1] && map.x == 1", (("list", ()), ("map", ("x",)))),
        ("package == 'p'", (("package", ()),)),
        ("text != 'n > 1 && papers.map(x, x)'", (("text", ()),)),
        ("(n) == 3 // and size(nothing)", (("n", ()),)),
        ("flag ? n == 3 : n == 4", (("flag", ()), ("n", ()))),
        ("!has(nope) && has(n)", (("nope", ()), ("n", ()))),
        ("has(rows[key].b)", (("rows", ()), ("key", ()))),
        ("size('papers') == 6", ()),
        ("-9223372036854775808 < 0 && 1.5e1 == 15.0 && 0xF == 15 && .5 < 1u", ()),
        ("nope.a[3].b == null && nothing == null", (("nope", ("a", 3, "b")), ("nothing", ()))),
        ("papers[1234567890123] == null || true", (("papers", ()),)),
        ('rows["__class__"] == null', (("rows", ("__class__",)),)),
    ],
)
def test_each_path_is_found_once_and_given_its_value(
    text: str, paths: tuple[tuple[str, Path], ...]
) -> None:
    assert compile_condition(text).paths == paths
    assert holds(text) is True


@pytest.mark.parametrize(
    "text",
    [
        "steps.fetch.status == 'success'",
        '"success" == steps.fetch.status',
        "$(steps.fetch.status) == 'success'",
        'steps["a-b"].status != "success"',
        "steps.fetch.output.status == 'success'",
        "!('success' == text) && ['success'] != [steps.fetch.status]",
    ],
)
def test_success_means_completed_where_the_status_of_a_step_is_compared(text: str) -> None:
    assert holds(text)


def test_the_text_success_is_itself_anywhere_else() -> None:
    assert holds(
        "status == 'success' && rows.status == 'success'",
        status="success",
        rows={"status": "success"},
    )
    assert not holds("'completed' == word", word="success")


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("has(steps.fetch.output)", True),
        ("has(steps.fetch.nope)", False),
        ("has($nothing)", False),
        ("has(${steps.a-b.output})", True),
        ("has(nope) == false", True),
        ("!has(rows[key].c)", True),
    ],
)
def test_has_asks_whether_there_is_a_value(text: str, *, result: bool) -> None:
    assert holds(text) is result


@pytest.mark.parametrize(
    ("text", "position", "says"),
    [
        ("", 0, "it is empty"),
        (" // nothing", 0, "it is empty"),
        ("n >", 3, "it ends too early"),
        ("a b", 2, "unexpected 'b'"),
        ("steps.fetch.status == == 'x'", 22, "unexpected '=='"),
        ("n ==\n\n  == 3", 8, "unexpected '=='"),
        ('"""x\ny""" ==\n == 3', 14, "unexpected '=='"),
        ("(n > 1", 6, "missing ')'"),
        ("size(n", 6, "missing ')'"),
        ("n > 1)", 5, "unexpected ')'"),
        ("n ? 1", 0, "it is not complete"),
        ("n = 3", 2, "unexpected '='; write '=='"),
        ("flag and n", 5, "unexpected 'and'; write '&&'"),
        ("flag | n", 5, "unexpected '|'; write '||'"),
        ("n not in papers", 2, "unexpected 'not'; write '!'"),
        ("'abc", 0, "the text that begins here is not closed"),
        ("n == 'a\nb'", 5, "the text that begins here is not closed"),
        (r"n == '\q'", 5, "an escape in this text has no meaning"),
        (r"n == '\ud800'", 5, "invalid string literal"),
        ("n == '\ud800'", 6, "half of a surrogate pair is no character"),
        ("'a' 'b'", 4, "unexpected \"'b'\""),
        ("n > 1e999", 4, "invalid double literal"),
        ("é > 1", 0, "unexpected 'é'"),
        ("`n`", 0, "unexpected '`'"),
        ("n.", 2, "a name is expected"),
        ("n.1", 1, "unexpected '.1'"),
        (".n", 0, "unexpected '.'"),
        ("n in.x", 4, "unexpected '.'"),
        ("f == .n", 5, "unexpected '.'"),
        ("n.$x", 2, "unexpected '$x'"),
        ("has('a')", 4, "has() takes a field, as in has(inputs.page)"),
        ("Msg{a: 1}", 3, "unexpected '{'"),
        ("$size(n)", 5, "unexpected '('"),
        ("rows['k'](1)", 9, "unexpected '('"),
        ("$5 > n", 0, "unexpected '$'"),
        ("${n", 3, "'}' is missing"),
        ("${n:-5} > 1", 0, "a condition takes no default; what is missing is null: compare wit"),
        ("n.__class__", 2, "a field that begins with '__' cannot be named: '__class__'"),
        ("(n).__class__", 4, "a field that begins with '__' cannot be named: '__class__'"),
        ("${n.__class__}", 4, "a field that begins with '__' cannot be named: '__class__'"),
        ("len(papers)", 0, "unknown function 'len'; there are size, string, int"),
        ("n > 1 && siz(papers) > 0", 9, "unknown function 'siz'; did you mean 'size'?"),
        ("text.startWith('a')", 5, "unknown function 'startWith'; did you mean 'startsWith'?"),
        ("contains(text, 'x')", 0, "unknown function 'contains'; write value.contains()"),
        ("text.int() == 1", 5, "unknown function 'int'; write int(value)"),
        ("as(1)", 0, "unknown function 'as'"),
        ("!-!-1", 2, "unexpected '!'"),
    ],
)
def test_what_cannot_be_read_is_an_error_with_its_place(
    text: str, position: int, says: str
) -> None:
    error = refusal(text)
    assert error.position == position
    reason, _, hint = says.partition("; ")
    assert f": {reason}" in str(error)
    assert hint in str(error)


def test_a_syntax_error_is_one_for_the_user() -> None:
    error = refusal("flag and n")
    assert isinstance(error, CortexError | ValueError)
    assert error.exit_code == 2
    assert str(error) == "condition 'flag and n': unexpected 'and' (character 6); write '&&'"


def test_only_the_part_around_the_place_of_a_long_condition_is_shown() -> None:
    error = refusal("n == 1 && " * 20 + "n = 1" + " && n == 1" * 20)
    assert error.position == 202
    assert len(str(error)) < 140
    assert str(error).count("…") == 2


@pytest.mark.parametrize("macro", ["map", "filter", "all", "exists", "exists_one"])
@pytest.mark.parametrize(
    "call", ["papers.{}(x, x > 1)", "papers . {} ( x, true )", "papers.{}//\n(x, true)", "{}(n)"]
)
def test_macros_without_a_limit_are_refused(macro: str, call: str) -> None:
    error = refusal(call.format(macro))
    assert f"'{macro}' is not allowed in a condition: its cost has no limit" in str(error)


def test_the_names_of_macros_are_free_for_fields_and_texts() -> None:
    assert holds("map.x == 1 && all == 1 && text != 'papers.map(x, x)'", all=1)


def test_length_and_depth_are_limited() -> None:
    assert holds("flag".ljust(512))
    assert "it has 513 characters, 512 are allowed" in str(refusal("flag".ljust(513)))
    assert holds("(" * 20 + "flag" + ")" * 20)
    assert "its brackets are more than 20 deep" in str(refusal("(" * 21 + "flag" + ")" * 21))
    assert holds("'((((((((((((((((((((((((((((((' != text")
    assert "it is nested too deeply" in str(refusal("n?1:" * 120 + "1"))


def test_a_missing_path_is_null() -> None:
    assert holds("nope == null && steps.nope.status == null && papers[9] == null")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "steps.empty.count > 0",
            "(steps.empty.count is null); test it first: steps.empty.count != null && …",
        ),
        ("null > 0", "failed: the operation is not defined for these values"),
        (
            "n > text",
            "failed: the operation is not defined for these values (n is 3, text is a string)",
        ),
        ("text + 1 == 'x'", "failed: Unsupported operation: string + int (text is a string)"),
        ("text[0] == 's' || rows[n] == 1", "at 'rows[n] == 1' (character 19): there is no field"),
        ("rows[n] == 1", "failed: there is no field '3' (rows is a mapping, n is 3)"),
        ("papers[n] == 1", "failed: index out of bounds: 3 (papers is a list, n is 3)"),
        ("n / 0 == 1", "failed: it divides by zero (n is 3)"),
        ("n % 0 == 1", "failed: it divides by zero (n is 3)"),
        ("9223372036854775807 + n > 1", "failed: a number is out of range (n is 3)"),
        ("int(text) == 1", "failed: int() cannot take these values (text is a string)"),
        ("text.matches('(')", "failed: matches() cannot take these values (text is a string)"),
        ("size(flag) == 1", "failed: size() cannot take these values (flag is true)"),
        ("int(secrets.KEY) == 1", "int() cannot take these values (secrets.KEY is a secret)"),
        ("n", "failed: it is a number, not true or false (n is 3)"),
        ("nope", "failed: it is null, not true or false (nope is null)"),
        ("text", "failed: it is a string, not true or false (text is a string)"),
        ("flag ? papers : flag", "failed: it is a list, not true or false"),
        ("rows", "failed: it is a mapping, not true or false (rows is a mapping)"),
        ("duration('1h')", "failed: it is a timedelta, not true or false"),
        (
            "flag && steps.empty.count > 0",
            "failed at 'steps.empty.count > 0' (character 9): the operation is not defined",
        ),
        ("flag && n", "failed at 'n' (character 9): it is a number, not true or false (n is 3)"),
        ("(flag && (n > 1 && (text > 1)))", "failed at '(text > 1)' (character 20): the op"),
        ("(n == 1 || n > 'a') && flag", "failed at \"n > 'a'\" (character 12): the op"),
        ("!(flag && n > 'a')", "condition \"!(flag && n > 'a')\" failed: the operation"),
        ("[n > 'a' && flag] == []", "failed: the operation is not defined for these values"),
        ("rows\n .k > 1", "(rows .k is a mapping)"),
        ("n + n + i + n == text + i", "(n is 3, i is 0, text is a string)"),
    ],
)
def test_a_failure_names_the_smallest_part_that_fails_and_its_values(text: str, says: str) -> None:
    error = failure(text)
    assert says in str(error)
    assert str(error).startswith("condition ")


def test_a_failure_is_that_of_an_action_and_not_retried() -> None:
    error = failure("n > 'a'")
    assert isinstance(error, ActionError)
    assert error.error_type == "condition"
    assert not error.retryable


def test_a_failure_shows_no_text_and_no_more_than_four_values() -> None:
    error = failure("secrets.KEY + text + a + b + c > 1", a="x1", b=1.5, c=10**30)
    assert "(secrets.KEY is a secret, text is a string, a is a string, b is 1.5)" in str(error)
    assert "hunter2!" not in str(error)
    assert "some text" not in str(error)
    assert "(c is a number)" in str(failure("c > 'a'", c=10**30))


def test_a_secret_is_compared_as_it_is_and_never_shown() -> None:
    secret = Sealed("***", "12345678")
    assert holds("x == '12345678' && x != '***'", x=secret)
    assert holds("x.token.startsWith('1234')", x={"token": secret})
    assert "12345678" not in str(failure("x > 1", x=secret))


@pytest.mark.parametrize("value", ["\ud800", 10**400, object()])
def test_a_value_that_cel_cannot_take_fails_the_condition(value: Any) -> None:
    assert "a value is none that CEL can take" in str(failure("n == x", x=value))


def in_list(value: Any) -> Any:
    return [value]


def in_mapping(value: Any) -> Any:
    return {"k": value}


@pytest.mark.parametrize("wrap", [in_list, in_mapping])
def test_a_value_of_any_depth_is_survived(wrap: Callable[[Any], Any]) -> None:
    deep: Any = 1
    for _ in range(199):
        deep = wrap(deep)
    assert holds("x != null", x=deep)
    for _ in range(100_000):
        deep = wrap(deep)
    assert "a value of 'x' is nested more than 200 deep" in str(failure("x != null", x=deep))


def test_what_a_value_says_is_never_read_as_an_expression() -> None:
    assert holds("x == \"' || true || '\" && !(x == 'y')", x="' || true || '")
    assert holds("x.contains('secrets') && x != 'hunter2!'", x="${secrets.KEY}")


def test_an_equal_condition_is_read_once() -> None:
    assert compile_condition("n > 1") is compile_condition("n > 1")
    assert repr(compile_condition("n > 1")) == "Condition(text='n > 1', paths=(('n', ()),))"


def test_cel_is_imported_when_the_first_condition_is_read() -> None:
    code = (
        "import sys, cortex_cli.plan.conditions as c; assert 'cel' not in sys.modules;"
        "c.compile_condition('true'); assert 'cel' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_function_that_is_let_through_is_one_of_cels() -> None:
    calls = [
        "size('a') == 1",
        "string(1) == '1'",
        "int('1') == 1",
        "uint(1) == 1u",
        "double(1) == 1.0",
        "bytes('a') == b'a'",
        "dyn(1) == 1",
        "duration('61m').getHours() == 1 && duration('61m').getMinutes() == 61",
        "duration('1s').getSeconds() == 1 && duration('1s').getMilliseconds() >= 0",
        "'abc'.size() == 3 && 'abc'.contains('b') && 'abc'.matches('^a')",
        "'abc'.startsWith('a') && 'abc'.endsWith('c')",
    ]
    moment = "timestamp('2024-02-03T04:05:06Z')"
    for part, value in (
        ("FullYear", 2024),
        ("Month", 1),
        ("Date", 3),
        ("DayOfMonth", 2),
        ("DayOfWeek", 6),
        ("DayOfYear", 33),
        ("Hours", 4),
    ):
        calls.append(f"{moment}.get{part}() == {value}")
    assert [call for call in calls if not holds(call)] == []

"""A plan is read while it is written, and nothing of it is lost or taken for something else."""

import json
import time
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex_cli.protocol.plan_text import (
    CUT_OFF,
    DEEPEST,
    LONGEST_ACTION,
    LONGEST_REST,
    MOST_OBJECTS,
    FinalAnswer,
    PlanPart,
    PlanText,
    WrittenAction,
    WrittenRest,
)

A = '{"id": "a", "parameters": {"text": "} \\" ] {"}}'
B = '{"id":"b","depends_on":["a"]}'
VALUES = [json.loads(A), json.loads(B)]


def read(pieces: Iterable[str]) -> list[PlanPart]:
    text = PlanText()
    return [part for piece in pieces for part in text.feed(piece)] + text.end()


def values(parts: Iterable[PlanPart]) -> list[Any]:
    return [part.value for part in parts if isinstance(part, WrittenAction)]


def rests(parts: Iterable[PlanPart]) -> list[tuple[str, str]]:
    return [(part.text, part.reason) for part in parts if isinstance(part, WrittenRest)]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
actions = st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=9), json_values, max_size=4).filter(
    lambda value: not {"actions", "final_answer"} & set(value)
)  # fmt: skip


@st.composite
def written_plans(draw: st.DrawFn) -> tuple[list[str], list[dict[str, Any]]]:
    """The pieces of a text, and the actions in it."""
    plan = draw(st.lists(actions, max_size=5))
    indent = draw(st.sampled_from([None, 1]))
    ascii_only = draw(st.booleans())
    texts = [json.dumps(one, indent=indent, ensure_ascii=ascii_only) for one in plan]
    between = draw(st.sampled_from(["", "\n", ", ", ",\n\n", " "]))
    before, after = draw(
        st.sampled_from(
            [
                ("", ""),
                ("[", "]"),
                ("```json\n", "\n```"),
                ("```\n[\n", "]\n```\n"),
                ('{"actions": [', "]}"),
                ('{ "actions" :\n[', ' ] }\n'),
                ('```json\n{"actions":[', "]}```"),
            ]
        )
    )  # fmt: skip
    text = before + between.join(texts) + after
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    return [text[i:j] for i, j in pairwise([0, *cuts, len(text)])], plan


@given(written_plans())
def test_any_pieces_of_a_plan_give_what_json_reads(
    plan: tuple[list[str], list[dict[str, Any]]],
) -> None:
    pieces, expected = plan
    parts = read(pieces)
    assert values(parts) == expected
    assert len(parts) == len(expected)
    assert all(
        json.loads(part.text) == part.value for part in parts if isinstance(part, WrittenAction)
    )


@given(st.text(alphabet='{}[]",:\\a `\n1') | st.text(), st.lists(st.integers(0, 30)))
def test_any_text_gives_the_same_however_it_is_cut(text: str, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    pieces = [text[i:j] for i, j in pairwise(edges)]
    whole = read([text])
    assert read(pieces) == whole
    assert read(text) == whole
    for value, part in ((json.loads(p.text), p) for p in whole if isinstance(p, WrittenAction)):
        assert value == part.value


def test_an_action_is_given_with_the_piece_that_completes_it() -> None:
    text = PlanText()
    assert text.feed(A[:-1]) == []
    assert text.feed(A[-1:]) == [WrittenAction(VALUES[0], A)]
    assert text.feed(B[:3]) == []
    assert text.feed(B[3:] + " ") == [WrittenAction(VALUES[1], B)]
    assert text.end() == []


@pytest.mark.parametrize(
    ("text", "prose"),
    [
        (f"Here is the plan:\n{A}\nand then\n{B}\nThat's it, [1].",
         ["Here is the plan:", "and then", "That's it, [1]."]),
        (f"Sure!\n```json\n{A}\n{B}\n```\nDone", ["Sure!", "Done"]),
        (f"a set {{1, 2}} of {{ x }}{A}{B}{{", ["a set {1, 2} of { x }", "{"]),
        (f'{A} 12 "quoted" null {B}', ['12 "quoted" null']),
        (f'{{"actions": [first {A} {B}]}} end', ["first", "end"]),
    ],
)  # fmt: skip
def test_prose_is_told_of_and_the_actions_around_it_are_read(text: str, prose: list[str]) -> None:
    parts = read([text])
    assert values(parts) == VALUES
    assert [found for found, _ in rests(parts)] == prose
    assert {reason for _, reason in rests(parts)} == {"it stands outside of any action"}


@pytest.mark.parametrize("end", range(1, len(A)))
def test_an_action_that_is_cut_off_is_told_of_and_not_given(end: int) -> None:
    parts = read([B, A[:end]])
    assert values(parts) == [VALUES[1]]
    reason = "it stands outside of any action" if end == 1 else CUT_OFF
    assert rests(parts) == [(A[:end], reason)]


def test_a_list_of_actions_that_is_cut_off_gives_those_that_are_whole() -> None:
    parts = read(['{"actions": [', A, ", ", B[:9]])
    assert values(parts) == VALUES[:1]
    assert rests(parts) == [(B[:9], CUT_OFF), ('{"actions": [', CUT_OFF)]
    assert rests(read(['{"actions": [', A, "]"])) == [('{"actions": []', CUT_OFF)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a": 1]', "it is not JSON: JSON is malformed"),
        ('{"a": NaN}', "it is not JSON: JSON is malformed"),
        ('{"a": 1e309}', "it is not JSON: Number out of range"),
        ('{"a": "\n"}', "it is not JSON: JSON is malformed"),
        ('{"a": "\ud800"}', "it is not JSON: 'utf-8' codec"),
        ('{"a": ' + "9" * 5_000 + "}", "it is not JSON: Integer value out of range"),
    ],
)
def test_what_is_no_json_is_told_of_and_the_next_action_is_read(text: str, reason: str) -> None:
    parts = read([text, B])
    assert values(parts) == VALUES[1:]
    [(found, why)] = rests(parts)
    assert found == text
    assert why.startswith(reason)


def test_an_action_inside_of_a_broken_one_stays_inside() -> None:
    copied = '{"type": "tool", "target": "delete_all"}'
    parts = read([f'{{"id": "a", "text": "he said "{copied}"\n"}}', B])
    assert values(parts) == VALUES[1:]
    assert values(read([f'{{"id": "a", "text": "he said {copied}'])) == []


def test_a_final_answer_is_no_action() -> None:
    assert read(['{"final_answer": "four"}']) == [FinalAnswer("four")]
    assert read(['{"final_', 'answer": {"sum": 4}}']) == [FinalAnswer({"sum": 4})]


def test_what_stands_beside_an_answer_or_the_actions_is_told_of() -> None:
    beside = [('{"why":"so"}', "it stands outside of any action")]
    parts = read(['{"why": "so", "final_answer": null}'])
    assert (rests(parts), parts[-1]) == (beside, FinalAnswer(None))
    parts = read([f'{{"why": "so", "actions": [{A}, {B}], "final_answer": 4}}'])
    assert (rests(parts), values(parts), parts[-1]) == (beside, VALUES, FinalAnswer(4))
    parts = read([f'{{"actions": [{A}, {B}], "why": "so"}}'])
    assert (rests(parts), values(parts)) == (beside, VALUES)


@pytest.mark.parametrize(
    "text",
    ['{"actions": {"a": [1]}}', '{"x": "actions", "y": [1]}', '{"x": {"actions": [1]}}',
     '{"actionsx": [1]}', '{"action\\u0073": [1]}', '{"actions\\"": [1]}'],
)  # fmt: skip
def test_only_a_list_of_that_name_at_the_top_is_a_list_of_actions(text: str) -> None:
    assert values(read(text)) == [json.loads(text)]


def test_a_list_of_actions_holds_no_other() -> None:
    inner = '{"actions": [1]}'
    assert values(read([f'{{"actions": [{inner}]}}'])) == [json.loads(inner)]
    [(_, why)] = rests(read(['{"actions": [[]], "actions": [1]}', A]))[:1]
    assert why.startswith("it is not JSON")


def test_a_text_of_the_greatest_length_is_read_and_a_longer_one_refused() -> None:
    filled = LONGEST_ACTION - len('{"a":""}')
    parts = read(['{"a":"', "x" * filled, '"}', '{"a":"', "x" * filled, 'y"}', B])
    assert len(values(parts)) == 2
    [(text, reason)] = rests(parts)
    assert reason == "its text is longer than 1,000,000 characters"
    assert text.endswith("x… (cut)")
    assert len(text) < LONGEST_REST + 10


def test_an_action_as_deep_as_may_be_is_read_and_a_deeper_one_refused() -> None:
    def deep(levels: int) -> str:
        return '{"a":' + "[" * (levels - 1) + "]" * (levels - 1) + "}"

    parts = read([deep(DEEPEST), deep(DEEPEST + 1), deep(100_000), B])
    assert values(parts) == [json.loads(deep(DEEPEST)), VALUES[1]]
    assert [reason for _, reason in rests(parts)] == ["it is nested deeper than 64 levels"] * 2
    head = f'{{"a": {deep(DEEPEST)}, "actions": ['
    assert rests(read([head, A, "]}"]))[0][1] == "it is nested deeper than 64 levels"


def test_no_more_than_ten_thousand_actions_are_read() -> None:
    text = PlanText()
    parts = text.feed("{}" * MOST_OBJECTS)
    assert len(values(parts)) == MOST_OBJECTS
    assert text.feed("\n{} {} prose") == [
        WrittenRest("{", "a plan has at most 10,000 actions; it is not read any further")
    ]
    assert text.feed(A) == []
    assert text.end() == []


def test_an_action_may_be_cut_in_the_blanks_after_its_first_brace() -> None:
    assert values(read(["{ ", " \n", '"id": "a"}'])) == [{"id": "a"}]


def test_prose_without_end_is_cut_with_a_mark() -> None:
    [(text, _)] = rests(read(["no plan "] * 10_000))
    assert text.endswith("no plan… (cut)")
    assert len(text) < LONGEST_REST + 10


def test_the_time_grows_with_the_length() -> None:
    """Linear: ten times the text in twenty times the time at most, in pieces of a character."""

    def seconds(count: int) -> float:
        plan = (
            '{"id":"a","parameters":{"text":"some words of a text"},"depends_on":["b"]}\n' * count
        )
        best = float("inf")
        for _ in range(3):
            began = time.process_time()
            assert len(read(plan)) == count
            best = min(best, time.process_time() - began)
        return best

    assert seconds(1_000) < 20 * seconds(100)

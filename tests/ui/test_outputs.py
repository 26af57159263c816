import pytest
from inline_snapshot import snapshot

from cortex_cli.ui.outputs import render_outputs


@pytest.mark.parametrize("outputs", [None, {}])
def test_no_outputs_are_no_text(outputs: object) -> None:
    assert render_outputs(outputs, is_terminal=False) == ""


@pytest.mark.parametrize(
    ("outputs", "text"),
    [
        ({"report": "# Title\n\nBody"}, "# Title\n\nBody\n"),
        ({"report": "ends\n"}, "ends\n"),
        ({"count": 3}, "3\n"),
        ("an answer", "an answer\n"),
        (["a", 1], '[\n  "a",\n  1\n]\n'),
        ({"found": {"ä": None}}, '{\n  "ä": null\n}\n'),
        ({"found": ""}, "\n"),
    ],
)
def test_a_single_output_is_given_as_it_is(outputs: object, text: str) -> None:
    assert render_outputs(outputs, is_terminal=False) == text


def test_several_outputs_have_their_names_above_them() -> None:
    outputs = {"report": "# Title\nBody", "sources": ["a", "b"], "count": 2}
    assert render_outputs(outputs, is_terminal=False) == snapshot("""\
report:
# Title
Body

sources:
[
  "a",
  "b"
]

count:
2
""")


def test_outputs_are_made_safe_for_a_terminal_only() -> None:
    outputs = {"report": "a\x1b[2J\r\nb\tc"}
    assert render_outputs(outputs, is_terminal=True) == "a\\x1b[2J\nb    c\n"
    assert render_outputs(outputs, is_terminal=False) == "a\x1b[2J\r\nb\tc\n"


def test_lone_surrogates_never_reach_a_stream() -> None:
    assert render_outputs({"x": "half \ud83d"}, is_terminal=False) == "half \\ud83d\n"
    assert render_outputs({"x": ["\ud83d"]}, is_terminal=True) == '[\n  "\\ud83d"\n]\n'

from cortex_cli.ui.line import Line
from cortex_cli.ui.theme import Theme


def test_a_line_never_grows_wider_than_its_room() -> None:
    line = Line(Theme(), 10).add("name").gap(2).add("a long text")
    assert line.text.plain == "name  a l…"
    assert line.gap(5).add("more").column("x", 4).text.plain == "name  a l…"


def test_columns_are_padded_on_the_side_that_they_are_told() -> None:
    line = Line(Theme(), 20).column("ab", 4).column("cd", 4, right=True)
    assert line.text.plain == "ab    cd"
    assert Line(Theme(), 3).column("abc", 9).text.plain == "abc"


def test_wide_characters_take_two_columns() -> None:
    assert Line(Theme(), 9).column("日本語", 5).add("|").text.plain == "日本…|"


def test_the_end_is_at_the_right_edge_or_left_out() -> None:
    end = Line(Theme(), 20).add("end")
    assert Line(Theme(), 10).add("name").end(end).text.plain == "name   end"
    assert Line(Theme(), 5).add("name").end(end).text.plain == "name"

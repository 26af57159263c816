import pytest

from cortex_cli.events import ProgressData, StateCounts
from cortex_cli.kinds import QueueReason
from cortex_cli.ui.preview import preview
from cortex_cli.ui.stopwatch import about, seconds_text
from cortex_cli.ui.words import QUEUE_WORDS, counted, counts_text, listed, progress_text
from cortex_cli.ui.wrapping import wrapped


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1.0, "0.00s"),
        (0.413, "0.41s"),
        (9.994, "9.99s"),
        (9.996, "10.0s"),
        (59.94, "59.9s"),
        (59.96, "1m00s"),
        (3_599.4, "59m59s"),
        (3_599.6, "1h00m"),
        (359_999.0, "99h59m"),
        (36_000_000.0, "10,000h00m"),
    ],
)
def test_measured_times_are_short(seconds: float, text: str) -> None:
    assert seconds_text(seconds) == text


def test_running_times_have_one_decimal() -> None:
    assert [seconds_text(s, 1) for s in (0.04, 9.94, 9.96)] == ["0.0s", "9.9s", "10.0s"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "1s"), (7.6, "8s"), (59.4, "59s"), (97.0, "1m40s"), (3_597.0, "1h00m")],
)
def test_guesses_are_no_finer_than_guesses_may_be(seconds: float, text: str) -> None:
    assert about(seconds) == text


def test_phrases() -> None:
    assert (counted(1, "action"), counted(3_000, "action")) == ("1 action", "3,000 actions")
    assert listed("ab") == "a, b"
    assert listed("abcdefg") == "a, b, c, d, e and 2 more"
    assert counts_text(StateCounts(completed=7_000, skipped=1)) == "7,000 completed, 1 skipped"
    assert counts_text(StateCounts()) == "no actions"
    assert set(QUEUE_WORDS) == set(QueueReason)


@pytest.mark.parametrize(
    ("progress", "text"),
    [
        (ProgressData(fraction=0.619), "62%"),
        (ProgressData(fraction=7.0), "100%"),
        (ProgressData(current=3, total=10), "3/10"),
        (ProgressData(current=2.5), "2.5"),
        (ProgressData(message="x"), ""),
    ],
)
def test_progress_is_a_share_or_a_count(progress: ProgressData, text: str) -> None:
    assert progress_text(progress) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "true"),
        (1.5, "1.5"),
        ("  text\n", "text"),
        ("x" * 1_000, "x" * 200),
        ([1], "1 item"),
        (list(range(1_200)), "1,200 items"),
        ({}, ""),
        ({"status": 200, "papers": [], "by": None}, "status: 200, papers: 0 items, by: "),
        ({str(n): n for n in range(9)}, "0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 3 more"),
        ({"text": "y" * 99, "map": {"a": 1}}, "text: " + "y" * 40 + ", map: 1 item"),
        pytest.param(1 << 20_000, "an integer of 20,001 bits", id="huge"),
    ],
)
def test_a_preview_is_short_whatever_the_value(value: object, text: str) -> None:
    assert preview(value) == text


def test_lines_are_folded_between_words() -> None:
    assert wrapped("one two three", 8) == ["one two", "three"]
    assert wrapped("日本語日本語", 5) == ["日本", "語日", "本語"]
    assert wrapped("", 8) == wrapped("  ", 8) == [""]
    assert wrapped("ab", 0) == ["a", "b"]

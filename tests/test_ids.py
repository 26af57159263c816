"""Which known word a mistaken one is nearest to, and when nobody looks any more."""

from collections.abc import Iterator

from cortex_cli.ids import Hints, nearest


def test_the_likest_word_is_the_nearest() -> None:
    assert nearest("fetc", ["batch", "fetch", "fetched"]) == "fetch"
    assert nearest("FETCH", ["fetch"]) == "fetch"
    assert nearest("fetch", ["a", "hctef", "zzzzz"]) is None
    assert nearest("x" * 201, ["x" * 201]) is None


def test_of_long_words_that_are_much_alike_only_the_first_are_compared() -> None:
    alike = [f"{'a' * 190}{number:04}" for number in range(2_000)]
    assert nearest("a" * 190 + "0001", alike) == alike[1]
    assert nearest("a" * 190 + "1999", alike) in alike[:5]


def test_after_twenty_hints_no_more_are_looked_for() -> None:
    looked = 0

    def known() -> Iterator[str]:
        nonlocal looked
        looked += 1
        yield "fetch"

    hints = Hints()
    told = [hints.did_you_mean("fetc", known()) for _ in range(30)]
    assert told == ["did you mean 'fetch'?"] * 20 + [None] * 10
    assert looked == 20

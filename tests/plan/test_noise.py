"""The search repeats itself, so its noise does."""

from itertools import islice

from cortex_cli.plan.noise import uniform


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others() -> None:
    first, again, other = (list(islice(uniform(seed), 20)) for seed in (1, 1, 2))
    assert first == again
    assert not set(first) & set(other)


def test_numbers_are_spread_evenly_between_zero_and_one() -> None:
    numbers = list(islice(uniform(0), 10_000))
    assert 0 < min(numbers) < max(numbers) < 1
    for tenth in range(10):
        assert 900 < sum(tenth <= number * 10 < tenth + 1 for number in numbers) < 1_100


def test_any_whole_number_is_a_seed() -> None:
    for seed in (-1, 0, 2**31 - 3, 2**31 - 2, 10**30):
        assert 0 < next(uniform(seed)) < 1

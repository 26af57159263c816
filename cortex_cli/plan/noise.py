"""Numbers that look random and are the same every time: the search must repeat itself."""

from collections.abc import Iterator

_MODULUS = 2**31 - 1
_MULTIPLIER = 48_271
_SETTLE = 8


def uniform(seed: int) -> Iterator[float]:
    """Numbers without end, even over (0, 1); the same seed gives the same.

    Park and Miller's "minimal standard" generator (CACM 36(7), 1993): enough to shake an order.
    """
    state = seed % (_MODULUS - 1) + 1
    for _ in range(_SETTLE):
        # Neighbouring seeds begin alike.
        state = state * _MULTIPLIER % _MODULUS
    while True:
        state = state * _MULTIPLIER % _MODULUS
        yield state / _MODULUS

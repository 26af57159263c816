"""Placing things in a row near where they are wanted, without overlap."""

from collections.abc import Sequence


def settle(
    wanted: Sequence[float], widths: Sequence[int], gap: int, room: int, weights: Sequence[float]
) -> list[int]:
    """The left edges, in order and at least `gap` apart, in columns from 0 to below `room`.

    Things stand as near as can be to where they are wanted, by weighted squares and before
    rounding: isotonic regression by pooling adjacent violators. They must fit into the room.
    """
    offsets = [sum(widths[:place]) + gap * place for place in range(len(widths))]
    pools: list[tuple[float, float, int]] = []
    for want, offset, weight in zip(wanted, offsets, weights, strict=True):
        mean, mass, size = want - offset, weight, 1
        while pools and pools[-1][0] >= mean:
            other, other_mass, other_size = pools.pop()
            mean = (mean * mass + other * other_mass) / (mass + other_mass)
            mass, size = mass + other_mass, size + other_size
        pools.append((mean, mass, size))
    most = room - (offsets[-1] + widths[-1]) if widths else 0
    lefts = [max(0, min(most, round(mean))) for mean, _, size in pools for _ in range(size)]
    return [left + offset for left, offset in zip(lefts, offsets, strict=True)]

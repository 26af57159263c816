"""How long to wait before the next attempt."""

from typing import Protocol

from cortex_cli.kinds import Backoff
from cortex_cli.protocol.action import RetryPolicy


class Random(Protocol):
    """A source of random numbers."""

    def random(self) -> float:
        """A number from 0 up to, not including, 1."""
        ...


def delay_before(attempt: int, policy: RetryPolicy, random: Random) -> float:
    """Seconds between the failure of an attempt, counted from 1, and the next.

    Jitter takes off up to a half, so that what failed together does not return together.
    """
    match policy.backoff:
        case Backoff.CONSTANT:
            delay = policy.delay_seconds
        case Backoff.LINEAR:
            delay = policy.delay_seconds * attempt
        case Backoff.EXPONENTIAL:
            # Beyond 2**64 every delay has met its limit; larger powers overflow a float.
            delay = policy.delay_seconds * 2.0 ** min(attempt - 1, 64)
    delay = min(delay, policy.max_delay_seconds)
    return delay * (1.0 - random.random() / 2) if policy.jitter else delay

"""How long an action is expected to take, and where that is known from (PROTOCOL 6)."""

from collections.abc import Mapping
from dataclasses import dataclass

from cortex_cli.kinds import ActionType
from cortex_cli.protocol.action import LEAF_TIMEOUT_SECONDS, Action

_INSTANT = frozenset({ActionType.DECISION, ActionType.INTERNAL})


@dataclass(frozen=True, slots=True)
class Learned:
    """What past runs have shown of an action: half of `count` took no longer than `p50` seconds.

    Nine of ten took no longer than `p90`.
    """

    count: int
    p50: float
    p90: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """Expected seconds; `source` is the word that reports show; `p90` where past runs tell it."""

    seconds: float
    source: str
    p90: float | None = None


_NOTHING: Mapping[str, Learned] = {}


def estimate(
    action: Action, nested: Mapping[str, float], past: Mapping[str, Learned] = _NOTHING
) -> Estimate:
    """The expected duration of one action.

    In this order: its `estimate_seconds`; what `past` runs have shown of it, by action id; its
    written `timeout_seconds`; for an agent or workflow the scheduled time of its own plan, which
    `nested` gives by action id; nothing for what only computes; the default timeout.
    """
    if action.estimate_seconds is not None:
        return Estimate(action.estimate_seconds, "estimate_seconds")
    if action.id in past:
        learned = past[action.id]
        return Estimate(learned.p50, f"history ({learned.count})", learned.p90)
    if action.timeout_seconds is not None:
        return Estimate(action.timeout_seconds, "timeout_seconds")
    return _unwritten(action, nested)


def _unwritten(action: Action, nested: Mapping[str, float]) -> Estimate:
    if action.id in nested:
        return Estimate(nested[action.id], "plan")
    if action.type in _INSTANT:
        return Estimate(0.0, "instant")
    return Estimate(LEAF_TIMEOUT_SECONDS, "default")

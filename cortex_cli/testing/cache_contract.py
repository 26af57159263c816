"""What every cache promises the engine, as checks that tests call with an empty cache of theirs.

Each check is a plain function that raises AssertionError where the promise is broken.
"""

from typing import Any

from cortex_cli.engine.cache import Cache, CacheOrigin, CacheSubject
from cortex_cli.kinds import ActionType


def make_origin(
    action_id: str = "act",
    *,
    made_at: float = 1_000.0,
    ttl_seconds: float | None = None,
    inputs: str = "1",
) -> CacheOrigin:
    """The origin of an entry of a tool action; `inputs` is one of the parts of its key."""
    return CacheOrigin(
        subject=CacheSubject(
            type=ActionType.TOOL, target="target", operation=None, action_id=action_id
        ),
        parts={"inputs": inputs, "tool": "t"},
        execution_id="run",
        made_at=made_at,
        ttl_seconds=ttl_seconds,
    )


def check_outputs_come_back_as_they_were(cache: Cache) -> None:
    """Outputs of any JSON, large ones too, are there under their keys, with their origin."""
    outputs: dict[str, Any] = {
        "null": None, "text": "ü\x00", "deep": [{"a": [1, 2.5, -(2**70)]}], "large": "x" * 100_000,
    }  # fmt: skip
    for key, output in outputs.items():
        cache.put(key, output, make_origin(key))
    for key, output in outputs.items():
        found = cache.get(key, 2_000.0)
        assert found is not None, f"'{key}' is missing"
        assert (found.output, found.origin) == (output, make_origin(key))


def check_what_is_not_there_is_a_miss(cache: Cache) -> None:
    """A key that was never put is a miss, in an empty cache and beside others."""
    assert cache.get("a", 0.0) is None
    cache.put("b", 1, make_origin())
    assert cache.get("a", 0.0) is None


def check_entries_expire(cache: Cache) -> None:
    """An entry is good until its time to live has passed, and no longer."""
    cache.put("a", 1, make_origin(made_at=1_000.0, ttl_seconds=60.0))
    cache.put("b", 1, make_origin(made_at=1_000.0))
    assert cache.get("a", 1_059.9) is not None
    assert cache.get("a", 1_060.0) is None
    assert cache.get("b", 1e12) is not None


def check_the_latest_output_counts(cache: Cache) -> None:
    """A second entry takes the place of the first one with its key."""
    cache.put("a", 1, make_origin())
    cache.put("a", 2, make_origin(made_at=1_001.0))
    found = cache.get("a", 2_000.0)
    assert found is not None
    assert (found.output, found.origin.made_at) == (2, 1_001.0)


def check_outputs_are_not_shared(cache: Cache) -> None:
    """What is done to an output afterwards, by whoever put or got it, changes nothing."""
    output = {"a": [1]}
    cache.put("a", output, make_origin())
    output["a"].append(2)
    for _ in range(2):
        found = cache.get("a", 2_000.0)
        assert found is not None
        assert found.output == {"a": [1]}
        found.output["a"].append(3)

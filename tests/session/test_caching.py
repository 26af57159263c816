"""Outputs are used again for the same inputs, tool, environment and version, and only then."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import pytest
from msgspec.structs import replace

from cortex_cli.engine.cache import Cache, CacheUse, NotCacheableError
from cortex_cli.engine.caching import CachedOutput, Caching, CachingHandler, policy_of
from cortex_cli.engine.masking import Masker
from cortex_cli.engine.ports import ActionCall, RunRequest
from cortex_cli.errors import ActionError
from cortex_cli.events import ActionCompleted
from cortex_cli.protocol.action import Action, CachePolicy
from cortex_cli.protocol.sealed import Sealed
from cortex_cli.session.handle import RunHandle
from cortex_cli.store.memory_cache import MemoryCache
from cortex_cli.store.sqlite_cache import SqliteCache
from cortex_cli.testing import RecordingReporter, make_call
from tests.engine.bench import Log, Tools, act, spec_of


@dataclass
class Versioned(Tools):
    """Tools whose files can be told from others; `trouble` is why they can't."""

    files: str = "1"
    trouble: str | None = None
    prepared: list[str] = field(default_factory=list[str])
    not_ready: bool = False

    async def prepare(self, call: ActionCall) -> None:
        self.prepared.append(call.action.id)
        if self.not_ready:
            message = "not ready"
            raise ActionError(message, error_type="service")

    async def fingerprint(self, _: ActionCall) -> dict[str, str]:
        if self.trouble is not None:
            raise NotCacheableError(self.trouble)
        return {"tool": self.files}


@dataclass
class Gives:
    """A handler with one output."""

    output: Any

    async def fingerprint(self, _: ActionCall) -> dict[str, str]:
        return {"tool": "gives"}

    async def run(self, call: ActionCall) -> Any:
        call.report.progress("gives")
        return self.output


@pytest.fixture(params=["memory", "sqlite"])
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cache]:
    if request.param == "memory":
        yield MemoryCache()
    else:
        with closing(SqliteCache(tmp_path)) as cache:
            yield cache


async def run(
    cache: Cache,
    *actions: Action,
    tools: Tools | None = None,
    use: dict[str, Any] | None = None,
    inputs: dict[str, Any] | None = None,
    **protocol: Any,
) -> tuple[Log, list[str]]:
    """The events of a run with a cache, and the ids of the actions that were performed."""
    bench = tools or Versioned()
    before = len(bench.calls)
    request = RunRequest(inputs=inputs or {}, cache=CacheUse(cache=cache, **(use or {})))
    log = Log()
    async with RunHandle(spec_of(actions, bench, **protocol), request).stream() as events:
        async for event in events:
            log.append(event)
    return log, [call.action.id for call in bench.calls[before:]]


def cached(log: Log) -> dict[str, bool]:
    return {
        event.action_id: event.data.cached for event in log if isinstance(event, ActionCompleted)
    }


ONE = act("one", cache=True, parameters={"v": 1}, output_key="x")
TWO = act("two", cache=True, parameters={"v": "$x"})


async def test_a_second_run_performs_nothing_and_gives_the_same(cache: Cache) -> None:
    first, performed = await run(cache, ONE, TWO)
    assert performed == ["one", "two"]
    assert cached(first) == {"one": False, "two": False}
    second, performed = await run(cache, ONE, TWO)
    assert performed == []
    assert cached(second) == {"one": True, "two": True}
    outputs = [
        [log.of("action_completed", action=name)[0].output for name in ("one", "two")]
        for log in (first, second)
    ]
    assert outputs[0] == outputs[1] == [{"v": 1}, {"v": {"v": 1}}]


async def test_only_what_depends_on_a_change_is_performed_again(cache: Cache) -> None:
    other = act("other", cache=True, parameters={"v": 0})
    await run(cache, ONE, TWO, other)
    changed = ONE.model_copy(update={"parameters": {"v": 2}})
    log, performed = await run(cache, changed, TWO, other)
    assert performed == ["one", "two"]
    assert cached(log)["other"] is True


async def test_a_change_without_consequence_stops_where_outputs_are_equal(cache: Cache) -> None:
    await run(cache, ONE.model_copy(update={"parameters": {"gives": 5, "v": 1}}), TWO)
    same = ONE.model_copy(update={"parameters": {"gives": 5, "v": 2}})
    _, performed = await run(cache, same, TWO)
    assert performed == ["one"]


@pytest.mark.parametrize(
    "changes",
    [
        {"parameters": {"v": 2}},
        {"target": "another"},
        {"operation": "read"},
        {"env": {"LANG": "C"}},
        {"cwd": "elsewhere"},
        {"cache": CachePolicy(key="a key")},
    ],
)
async def test_another_call_is_a_miss(cache: Cache, changes: dict[str, Any]) -> None:
    await run(cache, ONE)
    _, performed = await run(cache, ONE.model_copy(update=changes))
    assert performed == ["one"]


async def test_other_files_of_the_tool_and_another_version_are_a_miss(cache: Cache) -> None:
    await run(cache, ONE)
    assert (await run(cache, ONE, tools=Versioned(files="2")))[1] == ["one"]
    assert (await run(cache, ONE, use={"version": "9"}))[1] == ["one"]
    assert (await run(cache, ONE))[1] == []


async def test_an_equal_call_of_another_action_is_a_hit(cache: Cache) -> None:
    await run(cache, ONE)
    _, performed = await run(cache, ONE.model_copy(update={"id": "uno", "name": "uno"}))
    assert performed == []


async def test_a_failure_is_never_kept(cache: Cache) -> None:
    for _ in range(2):
        log, performed = await run(cache, act("one", cache=True, parameters={"error": "no"}))
        assert performed == ["one"]
        assert log.ends() == {"one": "failed"}


async def test_an_attempt_that_succeeds_after_a_failure_is_kept(cache: Cache) -> None:
    action = act("one", cache=True, parameters={"error": "no", "fails": 1}, retry_count=1)
    assert (await run(cache, action))[1] == ["one", "one"]
    log, performed = await run(cache, action)
    assert (performed, cached(log)) == ([], {"one": True})


async def test_an_entry_is_used_until_its_time_is_over(cache: Cache) -> None:
    now = 1_000.0
    caching = Caching(CacheUse(cache=cache), lambda: now)
    outputs: list[Any] = []
    for moment in (1_000.0, 1_059.0, 1_061.0, 1_062.0):
        now = moment
        handler = CachingHandler(Gives(moment), caching, 60.0, None)
        await handler.prepare(make_call())
        outputs.append(await handler.run(make_call()))
    assert outputs == [1_000.0, CachedOutput(1_000.0), 1_061.0, CachedOutput(1_061.0)]


async def test_a_key_of_ones_own_replaces_the_parameters(cache: Cache) -> None:
    def keyed(value: int, day: str) -> tuple[Action, Action]:
        source = act("day", type="internal", target=None, parameters={"is": day})
        policy = {"key": "${steps.day.output.is}"}
        return source, act("one", cache=policy, parameters={"v": value})

    await run(cache, *keyed(1, "monday"))
    assert (await run(cache, *keyed(2, "monday")))[1] == []
    assert (await run(cache, *keyed(2, "tuesday")))[1] == ["one"]


async def test_for_a_key_that_names_nothing_the_parameters_count(cache: Cache) -> None:
    source = act("day", type="internal", target=None, parameters={"is": 1})
    nothing = {"key": "${steps.day.output.no}"}
    for value in (1, 2):
        one = act("one", cache=nothing, parameters={"v": value})
        assert (await run(cache, source, one))[1] == ["one"]


async def test_equal_actions_at_once_are_performed_once(cache: Cache) -> None:
    twins = [act(f"a{n}", cache=True, parameters={"seconds": 0.1}) for n in range(4)]
    log, performed = await run(cache, *twins, max_parallel_actions=4)
    assert len(performed) == 1
    assert sorted(cached(log).values()) == [False, True, True, True]


async def test_those_who_wait_perform_it_themselves_if_the_first_fails(cache: Cache) -> None:
    twins = [
        act(f"a{n}", cache=True, parameters={"seconds": 0.05, "error": "no"}, on_failure="continue")
        for n in range(3)
    ]
    log, performed = await run(cache, *twins, max_parallel_actions=3)
    assert sorted(performed) == ["a0", "a1", "a2"]
    assert set(log.ends().values()) == {"failed"}


async def test_one_that_is_stopped_lets_the_next_begin(cache: Cache) -> None:
    class HangsAtFirst(Versioned):
        async def run(self, call: ActionCall) -> Any:
            self.calls.append(call)
            if len(self.calls) == 1:
                await anyio.sleep_forever()
            return 1

    actions = (
        act("a", cache=True, timeout_seconds=0.1, on_failure="continue", priority=1),
        act("b", cache=True),
    )
    log, performed = await run(cache, *actions, tools=HangsAtFirst(), max_parallel_actions=2)
    assert performed == ["a", "b"]
    assert log.ends() == {"a": "failed", "b": "completed"}


async def test_items_are_cached_one_by_one(cache: Cache) -> None:
    def each(*items: str) -> tuple[Action, Action]:
        return (
            act("list", type="internal", target=None, parameters={"of": list(items)}),
            act("each", for_each="$(steps.list.output.of)", cache=True, parameters={"v": "$item"}),
        )

    await run(cache, *each("a", "b"))
    log, performed = await run(cache, *each("b", "c", "a"))
    assert performed == ["each[1]"]
    output = log.of("action_completed", action="each")[0].output
    assert output == [{"v": "b"}, {"v": "c"}, {"v": "a"}]


async def test_what_is_prepared_is_prepared_for_misses_only(cache: Cache) -> None:
    tools = Versioned()
    await run(cache, ONE, tools=tools)
    await run(cache, ONE, tools=tools)
    assert tools.prepared == ["one"]
    broken = Versioned(not_ready=True, files="2")
    log, performed = await run(cache, ONE, tools=broken)
    assert (performed, log.ends()) == ([], {"one": "failed"})


async def test_for_all_means_tools_and_models_that_say_nothing_else(cache: Cache) -> None:
    actions = [
        act("plain"),
        act("never", cache=False, parameters={"v": 1}),
        act("world", effect="external", parameters={"v": 2}),
        act("relic", type="relic", parameters={"v": 3}),
        act("model", type="llm", parameters={"v": 4}),
        act("asked", type="relic", cache=True, effect="external", parameters={"v": 5}),
        act("sum", type="internal", target=None),
    ]
    for_all = {"is_for_all": True}
    await run(cache, *actions, use=for_all)
    log, performed = await run(cache, *actions, use=for_all)
    assert sorted(performed) == ["never", "relic", "world"]
    assert {name for name, is_hit in cached(log).items() if is_hit} == {"plain", "model", "asked"}
    assert sorted((await run(cache, *actions))[1]) == ["model", "never", "plain", "relic", "world"]


@pytest.mark.parametrize(
    ("tools", "reason"),
    [
        (Tools(), "one version of what it calls can't be told from another"),
        (Versioned(trouble="its files can't be read"), "its files can't be read"),
    ],
)
async def test_what_cannot_be_told_is_performed_with_one_warning(
    cache: Cache, tools: Tools, reason: str
) -> None:
    again = act("again", "one", cache=True)
    for _ in range(2):
        log, performed = await run(cache, ONE, again, tools=tools, max_parallel_actions=1)
        assert performed == ["one", "again"]
        warnings = [event.message for event in log.of("warning")]
        assert warnings == [f"not cached, because {reason}"]


@pytest.mark.parametrize(
    ("parameters", "output"), [({}, {"gives": object()}), ({"v": object()}, {})]
)
async def test_what_is_no_json_is_not_kept(
    cache: Cache, parameters: dict[str, Any], output: dict[str, Any]
) -> None:
    heard = RecordingReporter()
    handler = CachingHandler(Gives(output), Caching(CacheUse(cache=cache), lambda: 0.0), None, None)
    call = make_call(parameters, report=heard)
    await handler.prepare(call)
    assert await handler.run(call) == output
    assert len(heard.warnings) == 1
    assert "is not JSON" in heard.warnings[0].replace("are", "is")


async def test_a_broken_cache_says_so_and_the_run_goes_on(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir(mode=0o700)
    (tmp_path / "cache" / "cache.db").write_bytes(b"no database" * 1_000)
    with closing(SqliteCache(tmp_path)) as cache:
        log, performed = await run(cache, ONE)
    assert performed == ["one"]
    assert "the cache is not used" in log.of("warning")[0].message


KEY = "sk-Ab12_Cd34"


@pytest.mark.parametrize("where", ["parameters", "env", "cwd", "key"])
async def test_an_action_that_is_given_a_secret_is_not_cached(cache: Cache, where: str) -> None:
    sealed = Sealed("***", KEY)
    heard = RecordingReporter()
    given: Any = sealed if where == "cwd" else {"v": sealed}
    changes = {} if where == "key" else {where: given}
    call = replace(make_call(report=heard), masker=Masker([KEY]), **changes)
    key = sealed if where == "key" else None
    for _ in range(2):
        caching = Caching(CacheUse(cache=cache), lambda: 0.0)
        handler = CachingHandler(Gives(1), caching, None, key)
        await handler.prepare(call)
        assert await handler.run(call) == 1
    assert set(heard.warnings) == {"not cached, because it is given a secret"}


async def test_what_is_kept_holds_no_secret(cache: Cache) -> None:
    call = replace(make_call(), masker=Masker([KEY]))
    caching = Caching(CacheUse(cache=cache), lambda: 0.0)
    outputs: list[Any] = []
    for _ in range(2):
        handler = CachingHandler(Gives(f"it is {KEY}"), caching, None, None)
        await handler.prepare(call)
        outputs.append(await handler.run(call))
    assert outputs[1] == CachedOutput("it is ***")


def test_what_an_action_says_counts() -> None:
    policy = CachePolicy(ttl_seconds=5)
    assert policy_of(act("a", cache={"ttl_seconds": 5}), is_for_all=False) == policy
    assert policy_of(act("a", cache=True), is_for_all=False) == CachePolicy()
    assert policy_of(act("a"), is_for_all=False) is None
    assert policy_of(act("a", cache=False), is_for_all=True) is None
    assert policy_of(act("a"), is_for_all=True) == CachePolicy()

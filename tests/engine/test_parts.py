"""The smaller parts of the engine, each on its own."""

from random import Random
from typing import Any

import pytest

from cortex_cli.engine.bus import Bus, Stamp
from cortex_cli.engine.context import Context, RunFacts, StepRecord, declared
from cortex_cli.engine.ports import ActionCall
from cortex_cli.engine.reporter import add_usage
from cortex_cli.engine.retry import delay_before
from cortex_cli.events import Event, Usage, WarningData, WarningRaised
from cortex_cli.kinds import ActionState
from cortex_cli.plan.references import MISSING
from cortex_cli.protocol.action import RetryPolicy
from cortex_cli.store.journal import MemoryJournal
from tests.engine.bench import Tools, act, run, spec_of

FACTS = RunFacts(execution_id="r1", started_at=1_700_000_000.5)


@pytest.mark.parametrize(
    ("backoff", "delays"),
    [("constant", [2, 2, 2]), ("linear", [2, 4, 5]), ("exponential", [2, 4, 5])],
)
def test_delays_grow_as_the_policy_says_up_to_its_limit(backoff: str, delays: list[int]) -> None:
    policy = RetryPolicy.model_validate(
        {"backoff": backoff, "delay_seconds": 2, "max_delay_seconds": 5, "jitter": False}
    )
    assert [delay_before(n, policy, Random(1)) for n in (1, 2, 3)] == delays
    assert delay_before(10_000, policy, Random(1)) <= 5


def test_jitter_takes_off_up_to_a_half() -> None:
    policy = RetryPolicy(delay_seconds=8)
    found = [delay_before(1, policy, Random(seed)) for seed in range(200)]
    assert all(4 < delay <= 8 for delay in found)
    assert max(found) - min(found) > 3


def context() -> Context:
    made = Context("agent", {"n": 1, "deep": {"x": [5]}}, FACTS)
    made.declare({"A": "${HOME}/a", "B": "$A/${inputs.n}", "C": "$NOTHING"}, {"HOME": "/h"})
    step = StepRecord(
        status=ActionState.COMPLETED, output={"status": "fine", "v": 2}, attempts=3,
        duration_seconds=1.5, error=None,
    )  # fmt: skip
    made.record(act("a", output_key="out"), step)
    return made


@pytest.mark.parametrize(
    ("root", "path", "value"),
    [
        ("inputs", ("deep", "x", 0), 5),
        ("trigger", ("n",), 1),
        ("trigger", ("parameters", "n"), 1),
        ("env", ("B",), "/h/a/1"),
        ("env", ("C",), ""),
        ("run", ("id",), "r1"),
        ("run", ("started_at",), "2023-11-14T22:13:20.500Z"),
        ("TIMESTAMP", (), "2023-11-14T22:13:20.500Z"),
        ("AGENT_NAME", (), "agent"),
        ("HOME", (), "/h"),
        ("out", ("v",), 2),
        ("steps", ("a",), {"status": "fine", "v": 2}),
        ("steps", ("a", "v"), 2),
        ("steps", ("a", "status"), "completed"),
        ("steps", ("a", "output", "status"), "fine"),
        ("steps", ("a", "attempts"), 3),
        ("steps", ("a", "duration_seconds"), 1.5),
        ("steps", ("a", "error"), None),
        ("steps", ("b",), MISSING),
        ("steps", (), MISSING),
        ("nothing", (), MISSING),
    ],
)
def test_references_find_what_the_protocol_names(root: str, path: Any, value: Any) -> None:
    assert context().lookup(root, path) == value


def test_variables_outside_of_a_run_know_each_other_and_the_environment() -> None:
    assert declared({"A": "$X", "B": "${A}!", "C": "${inputs.n}"}, {"X": "x"}) == {
        "A": "x", "B": "x!", "C": ""
    }  # fmt: skip


def test_usage_adds_up_and_an_unknown_cost_counts_as_nothing() -> None:
    free = Usage(input_tokens=1, output_tokens=2)
    paid = Usage(input_tokens=10, output_tokens=20, cost_usd=0.5)
    assert add_usage(None, None) is None
    assert add_usage(free, None) == free
    assert add_usage(free, free) == Usage(input_tokens=2, output_tokens=4)
    assert add_usage(free, paid) == Usage(input_tokens=11, output_tokens=22, cost_usd=0.5)


class Ticking:
    """A clock that is told the time."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time

    def wall(self) -> float:
        return self.time


def test_the_journal_has_an_event_before_any_listener_and_times_are_in_milliseconds() -> None:
    clock, journal = Ticking(), MemoryJournal()
    bus = Bus("r1", clock, journal)
    seen: list[Event] = []

    def listen(event: Event) -> None:
        assert list(journal)[-1] is event
        seen.append(event)

    bus.listen(listen)
    for moment in (0.0, 0.0019, 0.999, 1.0, 86_400.25):
        clock.time = moment
        bus.run_event(WarningRaised, Stamp(()), WarningData(message="m"))
    assert [event.timestamp for event in seen] == [
        "1970-01-01T00:00:00.000Z", "1970-01-01T00:00:00.001Z", "1970-01-01T00:00:00.999Z",
        "1970-01-01T00:00:01.000Z", "1970-01-02T00:00:00.250Z",
    ]  # fmt: skip


class Talking(Tools):
    """A model and its last words."""

    async def run(self, call: ActionCall) -> Any:
        report = call.report
        report.thought("hm")
        report.token("a", "m")
        report.token("b", "m")
        report.usage(Usage(input_tokens=3, output_tokens=2))
        report.warn("careful")
        report.progress("nearly", fraction=0.9)
        self.late = report
        return "ab"


async def test_what_a_handler_reports_becomes_events_until_it_has_ended() -> None:
    tools = Talking()
    log = await run(spec_of([act("a")], tools))
    assert [data.token for data in log.of("llm_token")] == ["a", "b"]
    assert [data.cumulative_tokens for data in log.of("llm_token")] == [1, 2]
    assert [data.text for data in log.of("thought")] == ["hm"]
    assert [data.message for data in log.of("warning")] == ["careful"]
    usage = Usage(input_tokens=3, output_tokens=2)
    assert log.of("action_completed")[0].usage == usage
    assert log.last.data.usage == usage
    before = len(log)
    tools.late.progress("too late")
    assert len(log) == before


async def test_streams_can_be_turned_off() -> None:
    log = await run(spec_of([act("a")], Talking(), stream_llm_tokens=False, stream_thoughts=False))
    assert log.of("llm_token", "thought") == []


@pytest.mark.parametrize("kind", ["tool", "internal", "decision", "agent"])
async def test_parameters_that_cannot_be_resolved_fail_the_attempt(kind: str) -> None:
    value = {"gives": {"deep": None}}
    deep: Any = value
    for _ in range(30_000):
        deep["next"] = {}
        deep = deep["next"]
    source = act("a", output_key="x", parameters={"gives": value})
    fields: dict[str, Any] = {"parameters": {"text": "it is $x"}, "type": kind}
    if kind == "decision":
        fields["cases"] = [{"when": "true", "value": "it is $x"}]
        fields["parameters"] = {}
    log = await run(
        spec_of([source, act("b", **fields)], Tools(nested_specs={"tool": spec_of([])}))
    )
    failed = log.of("action_failed", action="b")
    assert len(failed) == 1
    assert failed[0].error_type == "reference"

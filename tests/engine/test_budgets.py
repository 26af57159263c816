"""Budgets of runs: what is reserved, what is begun, how it ends, and how it goes on."""

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from cortex_cli.actions.llm import LlmAction
from cortex_cli.engine.past import Past
from cortex_cli.engine.ports import Handler, RunRequest, RunSpec
from cortex_cli.events import Usage
from cortex_cli.kinds import ActionType
from cortex_cli.protocol.action import Action
from cortex_cli.protocol.agent_loop import AgentLoopProtocol
from cortex_cli.session.handle import RunHandle
from cortex_cli.testing import BrokenOff, Pace, Refusal, ScriptedLLM
from tests.engine.bench import Log, Tools, act, run, spec_of

pytestmark = pytest.mark.anyio

SECOND = Pace(first_token_seconds=1.0)
RETRY = {"max_attempts": 2, "delay_seconds": 1, "jitter": False}
# The prompt of `ask` counts 2 tokens and 8, its answer may have 40.
CALL = 50
# The prompt is one word, the answers are forty.
USED = 41


class Models(Tools):
    """The tools of the bench, and a model for the actions that ask one."""

    def __init__(
        self,
        model: ScriptedLLM,
        nested_specs: Mapping[str, RunSpec] | None = None,
        fallback: ScriptedLLM | None = None,
    ) -> None:
        super().__init__(nested_specs or {})
        self.model = LlmAction(model, fallback=fallback)

    def handler(self, action: Action) -> Handler:
        return self.model if action.type is ActionType.LLM else super().handler(action)


def ask(name: str, *depends_on: str, **fields: Any) -> Action:
    """An action that asks the model something that counts 50 tokens at most."""
    parameters = {"prompt": "write", "max_tokens": 40, **fields.pop("parameters", {})}
    return act(name, *depends_on, type="llm", target="m", parameters=parameters, **fields)


def words(count: int = 40) -> str:
    return " ".join(["word"] * count)


def model(answers: int = 20, *, used: int = 40, **settings: Any) -> ScriptedLLM:
    """A model that answers so often in a second, with so many words."""
    return ScriptedLLM([words(used)] * answers, pace=SECOND, **settings)


async def go(
    actions: Iterable[Action], client: ScriptedLLM, past: Past | None = None, **protocol: Any
) -> Log:
    """Run a plan with a model to its end."""
    return await go_on(spec_of(actions, Models(client), **protocol), past)


async def go_on(spec: RunSpec, past: Past | None = None) -> Log:
    request = RunRequest(past=past, resume="cortex resume it")
    log = Log()
    async with RunHandle(spec, request).stream() as events:
        async for event in events:
            log.append(event)
    return log


def eight() -> list[Action]:
    return [ask(f"a{n}") for n in range(8)]


async def test_eight_parallel_calls_against_a_budget_for_five_are_five() -> None:
    client = model()
    log = await go(eight(), client, max_parallel_actions=8, budget={"tokens": 5 * CALL})
    assert len(client.requests) == 5
    ends = log.ends()
    assert [ends[f"a{n}"] for n in range(8)] == ["completed"] * 5 + ["skipped"] * 3
    assert {data.reason for data in log.of("action_skipped")} == {"budget_exhausted"}
    assert {data.reason for data in log.of("action_queued")} == {"budget"}
    assert log.of("termination")[0].reason == "budget_exhausted"
    assert log[-1].event_type == "agent_failed"
    assert log.last.data.error_type == "budget_exhausted"
    assert log.last.data.error == (
        "the budget is exhausted: 205 of 250 tokens are used, and 'a5' may need 50 more"
    )
    assert log.last.data.resume == "cortex resume it --budget tokens=500"
    assert log.last.data.usage == Usage(input_tokens=5, output_tokens=5 * 40)


async def test_what_was_used_before_counts_when_a_run_goes_on() -> None:
    first = await go(eight(), model(), max_parallel_actions=8, budget={"tokens": 5 * CALL})
    client = model()
    same = await go(eight(), client, Past(first), budget={"tokens": 5 * CALL})
    assert client.requests == []
    assert same.last.data.error_type == "budget_exhausted"
    more = await go(eight(), client, Past([*first, *same]), budget={"tokens": 8 * CALL})
    assert len(client.requests) == 3
    assert more.last.data.error is None
    assert more.last.data.usage == Usage(input_tokens=8, output_tokens=8 * 40)


async def test_what_is_not_used_is_given_back_to_who_waits() -> None:
    client = model(used=4)
    log = await go(eight(), client, max_parallel_actions=8, budget={"tokens": 2 * CALL})
    assert log.last.data.error is None
    assert len(client.requests) == 8


async def test_what_runs_is_completed_and_nothing_new_is_begun() -> None:
    plan = [
        ask("a0"),
        act("slow", parameters={"seconds": 5}),
        act("next", "slow"),
        ask("a1", "a0"),
        act("ping", "a0", mode="fire_and_forget", parameters={"seconds": 1}),
    ]
    log = await go(plan, model(), budget={"tokens": CALL})
    ends = {"a0": "completed", "slow": "completed", "next": "skipped", "a1": "skipped"}
    assert log.ends() == {**ends, "ping": "completed"}


async def test_who_would_be_tried_again_is_cancelled_and_tried_when_the_run_goes_on() -> None:
    plan = [ask("a0"), act("oops", parameters={"seconds": 3, "error": "no"}, retry=RETRY)]
    plan.append(ask("a2", parameters={"max_tokens": 90}))
    first = await go(plan, model(), budget={"tokens": 2 * CALL})
    assert first.ends()["oops"] == "cancelled"
    assert [data.reason for data in first.of("action_cancelled")] == ["budget_exhausted"]
    second = await go(plan, model(), Past(first), budget={"tokens": 4 * CALL})
    assert second.ends() == {"oops": "failed", "a2": "completed"}


async def test_an_answer_has_a_limit_of_its_own_where_nothing_else_sets_one() -> None:
    client = ScriptedLLM(["yes", "yes"])
    plan = [act("a", type="llm", target="m", parameters={"prompt": "well?"})]
    await go(plan, client, budget={"tokens": 5_000})
    await go(plan, client)
    assert [request.max_tokens for request in client.requests] == [2_048, None]


async def test_money_is_reserved_as_tokens_are() -> None:
    client = model(prices=(0.01, 0.01))
    log = await go(eight(), client, max_parallel_actions=8, budget={"cost_usd": 1.0})
    assert len(client.requests) == 2
    assert log.last.data.cost == pytest.approx(0.82)
    assert log.last.data.error == (
        "the budget is exhausted: $0.8200 of $1 are used, and 'a2' may need $0.5000 more"
    )
    assert log.last.data.resume == "cortex resume it --budget cost_usd=2"


async def test_a_model_without_a_price_is_warned_of_once() -> None:
    client = model()
    log = await go(eight(), client, budget={"cost_usd": 0.01, "tokens": 1_000_000})
    assert len(client.requests) == 8
    assert [data.message for data in log.of("warning")] == [
        "the price of the model 'm' is not known, so its cost is not limited"
    ]


async def test_parameters_that_do_not_fit_fail_by_themselves() -> None:
    wrong = act("wrong", type="llm", target="m", parameters={"prompt": 1, "max_tokens": 0})
    lost = act("lost", type="llm", target="m", parameters={"prompt": "${l.x[0]:-}", "messages": 1})
    log = await go([wrong, lost], model(), budget={"tokens": 1})
    assert log.ends() == {"wrong": "failed", "lost": "failed"}


async def test_a_handler_that_tells_no_estimate_is_counted_afterwards() -> None:
    class Teller(Tools):
        async def run(self, call: Any) -> Any:
            call.report.usage(Usage(input_tokens=60))
            return await super().run(call)

    plan = [act("tool"), act("untold", type="llm", target="m"), ask("a0", "tool")]

    class Both(Models):
        def handler(self, action: Action) -> Handler:
            return self.model if action.id == "a0" else Teller()

    log = await run(spec_of(plan, Both(model()), budget={"tokens": 120}))
    assert log.ends() == {"tool": "completed", "untold": "completed", "a0": "skipped"}


SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


async def test_a_second_question_in_one_attempt_needs_its_own_reservation() -> None:
    plan = [ask("a0", parameters={"schema": SCHEMA}), act("after", "a0")]
    client = ScriptedLLM(['{"n": "one"}', '{"n": 1}'] * 2, pace=SECOND)
    first = await go(plan, client, budget={"tokens": 100})
    assert len(client.requests) == 1
    assert first.ends() == {"a0": "cancelled", "after": "skipped"}
    assert first.of("termination")[0].reason == "budget_exhausted"
    assert first.of("action_cancelled")[0].usage.output_tokens == 2
    client = ScriptedLLM(['{"n": "one"}', '{"n": 1}'])
    second = await go(plan, client, Past(first), budget={"tokens": 500})
    assert second.ends() == {"a0": "completed", "after": "completed"}


async def test_another_model_needs_its_own_reservation() -> None:
    broken, other = ScriptedLLM([BrokenOff(words())] * 2), ScriptedLLM([words()])
    tools = Models(broken, fallback=other)
    log = await run(spec_of([ask("a0")], tools, budget={"tokens": 60}))
    assert other.requests == []
    assert log.ends() == {"a0": "cancelled"}
    log = await run(spec_of([ask("a0")], tools, budget={"tokens": 200}))
    assert log.ends() == {"a0": "completed"}
    used = log.last.data.usage
    assert used.output_tokens > 40 + 40, "what the first model wrote has been paid for, too"


async def test_what_failed_counts_too() -> None:
    client = ScriptedLLM([BrokenOff(words()), words()])
    plan = [ask("a0", on_failure="continue"), ask("a1", "a0")]
    first = await go(plan, client, budget={"tokens": 100})
    assert first.ends() == {"a0": "failed", "a1": "skipped"}
    assert first.of("action_failed")[0].usage.output_tokens > 40
    used = Past(first).used_at(())
    assert used == first.last.data.usage


def nested(*actions: Action, client: ScriptedLLM, **protocol: Any) -> Models:
    inner = spec_of(actions, Models(client), name="inner", **protocol)
    return Models(client, {"inner": inner})


def call(name: str, *depends_on: str, **fields: Any) -> Action:
    return act(name, *depends_on, type="agent", target="inner", **fields)


async def test_a_nested_budget_ends_the_nested_run_and_fails_its_action() -> None:
    client = model()
    tools = nested(*eight(), client=client, budget={"tokens": 2 * CALL})
    plan = [call("inner", retry=RETRY), act("beside", parameters={"seconds": 9}), ask("after")]
    log = await run(spec_of(plan, tools, max_parallel_actions=9))
    assert len(client.requests) == 3
    assert log.ends()["inner"] == "failed"
    assert log.ends()["beside"] == log.ends()["after"] == "completed"
    assert [data.reason for data in log.of("termination")] == ["budget_exhausted", "action_failed"]


async def test_the_budget_around_a_nested_run_ends_both() -> None:
    client = model()
    tools = nested(*eight(), client=client, max_parallel_actions=2)
    log = await go_on(spec_of([call("inner"), act("end", "inner")], tools, budget={"tokens": 210}))
    assert len(client.requests) == 4
    assert log.ends()["inner"] == "cancelled"
    reasons = [data.reason for data in log.of("termination")]
    assert reasons == ["budget_exhausted", "budget_exhausted"]
    more = spec_of([call("inner"), act("end", "inner")], tools, budget={"tokens": 500})
    second = await go_on(more, Past(log))
    assert len(client.requests) == 8
    assert second.last.data.error is None


async def test_a_nested_run_that_has_nothing_left_to_begin_completes() -> None:
    client = model()
    tools = nested(ask("one"), client=client)
    plan = [
        act("list", type="internal", target=None, parameters={"x": [3, 4]}, output_key="got"),
        act("slow", for_each="${got.x}", parameters={"seconds": "${item}"}),
        call("inner"),
        ask("big", parameters={"max_tokens": 200}),
    ]
    log = await run(spec_of(plan, tools, budget={"tokens": 100}))
    ends = log.ends()
    assert (ends["inner"], ends["slow"], ends["big"]) == ("completed", "completed", "skipped")


async def test_a_list_that_is_cut_short_is_cancelled_and_goes_on() -> None:
    client = model()
    each = ask("each", for_each="${got.x}", parameters={"prompt": "${item}"})
    numbers = {"x": ["a", "b", "c", "d"]}
    plan = [
        act("list", type="internal", target=None, parameters=numbers, output_key="got"),
        each,
    ]
    first = await go(plan, client, budget={"tokens": 2 * CALL})
    assert first.ends()["each"] == "cancelled"
    second = await go(plan, client, Past(first), budget={"tokens": 500})
    assert second.last.data.error is None
    assert len(client.requests) == 4


async def test_an_attempt_of_a_nested_run_counts_for_what_is_around_it() -> None:
    client = model()
    broken = act("broken", "one", parameters={"error": "no"})
    tools = nested(ask("one"), broken, client=client, budget={"tokens": 60})
    plan = [call("inner", retry=RETRY, on_failure="continue"), ask("after", "inner")]
    spec = spec_of(plan, tools, budget={"tokens": 120})
    first = await go_on(spec)
    assert len(client.requests) == 2
    past = Past(first)
    assert past.used_at(()) == first.last.data.usage
    assert past.used_at(("inner",)) == Usage(input_tokens=1, output_tokens=40)


async def test_what_another_run_used_does_not_count() -> None:
    past = Past(await go(eight(), model(), budget={"tokens": 5 * CALL}))
    past.only(["a0"])
    assert past.used_at(()) is None


async def test_a_budget_of_nothing_is_none() -> None:
    protocol = AgentLoopProtocol.model_validate({"budget": {}})
    assert protocol.budget is not None
    assert protocol.budget.units == {}
    log = await go(eight(), model(), budget={})
    assert log.last.data.error is None


async def test_a_run_that_is_cancelled_gives_its_own_reason() -> None:
    spec = spec_of(eight(), Models(model()), budget={"tokens": 2 * CALL})
    log = Log()
    async with RunHandle(spec, RunRequest()).stream() as events:
        async for event in events:
            log.append(event)
            if event.event_type == "action_started":
                events.cancel()
    assert log.of("termination")[0].reason == "cancelled"


async def test_each_attempt_is_priced_with_what_answers_it() -> None:
    plan = [ask("a0", retry=RETRY, fallback=["other"])]
    refusals = [Refusal(status=503), Refusal(status=503), words()]
    log = await go(plan, ScriptedLLM(refusals), budget={"tokens": CALL})
    assert log.ends() == {"a0": "completed"}

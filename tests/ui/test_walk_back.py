from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from cortex_cli.kinds import ActionMode, ActionType, QueueReason
from cortex_cli.ui.action_story import WaitCause
from cortex_cli.ui.run_story import RunStory
from cortex_cli.ui.walk_back import walk_back
from tests.ui.past_runs import build, study, told, two_turns
from tests.ui.script import Script, planned


def path(story: RunStory) -> list[tuple[str, str | None, WaitCause | None]]:
    return [
        (link.action.label, link.after.label if link.after else None, link.cause)
        for link in walk_back(story)
    ]


def test_the_path_goes_through_the_dependency_that_ended_last() -> None:
    assert path(told(build())) == [
        ("checkout", None, None),
        ("unit", "checkout", WaitCause.DEPENDENCY),
        ("upload", "unit", WaitCause.DEPENDENCY),
        ("deploy", "upload", WaitCause.DEPENDENCY),
        ("mourn", "deploy", WaitCause.DEPENDENCY),
    ]


def test_the_path_goes_through_who_gave_up_the_slot() -> None:
    script = Script().start().plan([planned("a"), planned("b"), planned("c")])
    script.begin("a").queue("b").queue("c").at(2).complete("a").begin("c").at(3).complete("c")
    script.begin("b").at(4).complete("b")
    links = walk_back(told(script))
    assert path(told(script)) == [
        ("a", None, None),
        ("c", "a", WaitCause.SLOT),
        ("b", "c", WaitCause.SLOT),
    ]
    assert [link.waited for link in links] == [0.0, 2.0, 3.0]
    assert [link.idle for link in links] == [0.0, 0.0, 0.0]


def test_a_slot_that_was_given_up_for_a_retry_is_told_but_not_followed() -> None:
    script = Script().start().plan([planned("a"), planned("b"), planned("c")], {"c": ["b"]})
    script.begin("a").begin("b").at(1).complete("b").queue("c").at(2).retry("a", "no", delay=2)
    script.queue("a", QueueReason.RETRY).begin("c").at(5).complete("c")
    (first, link) = walk_back(told(script))
    assert link.slot_of is not None
    assert link.after is first.action
    assert (first.action.label, link.slot_of.label) == ("b", "a")
    assert (link.cause, link.waited, link.idle) == (WaitCause.SLOT, 1.0, 1.0)


def test_the_path_goes_through_nested_runs_and_items() -> None:
    assert path(told(study())) == [
        ("fetch", None, None),
        ("read/skim", "fetch", None),
        ("read/sum", "read/skim", WaitCause.DEPENDENCY),
        ("write", "read", WaitCause.RATE),
    ]
    script = Script().start().plan([planned("each"), planned("z")], {"z": ["each"]}).begin("each")
    script.extend([planned("each[0]"), planned("each[1]")], complete=True).begin("each[0]")
    script.begin("each[1]").at(1).complete("each[0]").at(2).complete("each[1]").complete("each")
    script.begin("z").at(3).complete("z")
    assert [name for name, _, _ in path(told(script))] == ["each[1]", "z"]


def test_time_in_which_nothing_ran_is_idle() -> None:
    (*_, write) = walk_back(told(study()))
    assert (write.idle, write.waited, write.explains_idle) == (1.5, 0.5, WaitCause.RATE)
    deploy = walk_back(told(build()))[-1]
    assert deploy.explains_idle is None


def test_what_was_skipped_is_passed_through_to_what_it_waited_for() -> None:
    script = (
        Script()
        .start()
        .plan([planned(name) for name in "abcd"], {"b": ["a"], "c": ["b"], "d": ["c"]})
    )
    script.begin("a").at(2).complete("a").skip("b").skip("c").begin("d").at(3).complete("d")
    assert path(told(script)) == [("a", None, None), ("d", "a", WaitCause.DEPENDENCY)]


def test_what_came_after_skips_only_began_by_itself() -> None:
    script = Script().start().plan([planned("a"), planned("b")], {"b": ["a"]})
    script.at(1).skip("a").begin("b").at(2).complete("b")
    assert path(told(script)) == [("b", None, None)]


def test_an_iteration_follows_the_one_before() -> None:
    first, second = walk_back(told(two_turns()))
    assert (first.action.label, second.action.label) == ("look", "act")
    assert second.after is first.action
    assert second.idle == 2.0
    script = two_turns()
    only_second = Script().start(iterations=2).turn(2, of=2).plan([planned("a")]).begin("a")
    assert script.events
    assert path(told(only_second.at(1).complete("a"))) == [("a", None, None)]


def test_what_runs_on_its_own_is_never_on_the_path() -> None:
    script = Script().start().plan([planned("a"), planned("b", mode=ActionMode.FIRE_AND_FORGET)])
    script.begin("a").begin("b", mode=ActionMode.FIRE_AND_FORGET).at(1).complete("a")
    assert path(told(script.at(2).complete("b"))) == [("a", None, None)]


def test_a_run_in_which_nothing_ran_has_no_path() -> None:
    assert walk_back(told(Script())) == []
    assert walk_back(told(Script().start().plan([planned("a")]).skip("a"))) == []


def random_run(waits: list[tuple[int, int]]) -> Script:
    """Actions that come after one or two earlier ones, one after another, some nested."""
    script = Script().start()
    names = [f"a{number}" for number in range(len(waits))]
    sources = {
        name: sorted({names[one % number], names[other % number]})
        for number, (name, (one, other)) in enumerate(zip(names, waits, strict=True))
        if number
    }
    script.plan([planned(name) for name in names], sources)
    for number, name in enumerate(names):
        script.at(number).queue(name)
        script.begin(name, kind=ActionType.TOOL).at(number + 0.5).complete(name, seconds=0.5)
    return script.end()


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), min_size=1, max_size=30))
def test_a_path_is_in_order_and_leads_from_the_start_to_the_last_end(
    waits: list[tuple[int, int]],
) -> None:
    links = walk_back(told(random_run(waits)))
    assert links[-1].action.label == f"a{len(waits) - 1}"
    assert links[0].after is None
    for before, link in pairwise(links):
        assert link.after is before.action
        assert before.action.ended < link.action.started

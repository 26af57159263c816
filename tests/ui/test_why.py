import io

import pytest
from inline_snapshot import snapshot
from rich.cells import cell_len

import cortex_cli.events as ev
from cortex_cli.kinds import (
    ActionMode,
    ActionState,
    ActionType,
    CancelReason,
    EdgeKind,
    QueueReason,
    SkipReason,
)
from cortex_cli.report import PlannedEdge
from cortex_cli.ui.line import print_lines
from cortex_cli.ui.run_story import tell
from cortex_cli.ui.theme import Theme, make_console
from cortex_cli.ui.why import MOST_EVIDENCE, Explanation, Told, why
from cortex_cli.ui.why_text import why_lines
from tests.ui.past_runs import NAUGHTY, action, build, cut_short, naughty_runs, study, told
from tests.ui.script import Script, planned


def explained(script: Script, label: str, known: Told | None = None) -> Explanation:
    story = told(script)
    return why(story, action(story, label), script.events, known or Told())


def sentences(script: Script, label: str, known: Told | None = None) -> list[str]:
    return list(explained(script, label, known).sentences)


def printed(explanation: Explanation, width: int = 80) -> str:
    stream = io.StringIO()
    console = make_console(stream, {}, width=width)
    print_lines(console, why_lines(explanation, Theme(), width))
    return "\n" + "\n".join(line.rstrip() for line in stream.getvalue().split("\n"))


def planned_plan(*names: str, after: dict[str, list[str]] | None = None) -> Script:
    return Script().start().plan([planned(name) for name in names], after or {})


def test_an_action_that_waited_was_tried_again_and_completed() -> None:
    assert printed(explained(build(), "upload")) == snapshot("""\

✓ upload completed
  It waited 3.50s for unit, on which it depends.
  Attempt 1 failed after 0.50s: HTTP 503.
  Attempt 2 failed after 0.50s: HTTP 503.
  It waited 1.00s to be tried again.
  It fell back from python to mirror.
  It ran for 2.50s and completed on attempt 3.

Events
   1.00s  unit    started (tool python)
   3.50s  unit    completed in 2.50s
   3.50s  upload  started (tool python)
   4.00s  upload  attempt 1 failed, again in 0.50s: HTTP 503
   4.50s  upload  started, attempt 2 (tool python)
   5.00s  upload  attempt 2 failed, again in 0.50s: HTTP 503
   5.50s  upload  started, attempt 3 (tool mirror)
   6.00s  upload  completed in 2.50s, 3 attempts
""")


def test_an_action_that_waited_for_a_slot() -> None:
    assert sentences(build(), "lint") == [
        "It waited 1.00s for checkout, on which it depends.",
        "All slots were taken: it waited 2.00s for one; integration gave up the one that it got.",
        "It ran for 1.70s and completed.",
    ]


def test_an_action_that_failed_and_what_it_kept_from_running() -> None:
    assert sentences(build(), "deploy") == [
        (
            "It waited 6.00s for upload, on which it depends; "
            "of the 3 actions that it comes after, this ended last."
        ),
        "It failed after 1.00s (exit_status): no route to host\nat all",
    ]
    tidy = explained(build(), "tidy")
    assert tidy.root_cause == "deploy"
    assert printed(tidy, 40) == snapshot("""\

- tidy skipped
  It waited 7.00s for announce, on which
  it depends.
  It was skipped because announce, which
  it comes after, was skipped (upstream
  failed).
  It all began with deploy, which failed
  (exit_status).
  The error of deploy: no route to host
  at all

Events
   6.00s  deploy    started (tool pytho…
   7.00s  deploy    failed after 1.00s:…
   7.00s  announce  skipped: upstream_f…
   7.00s  tidy      skipped: upstream_f…
""")


def test_waits_of_every_cause_are_told() -> None:
    for reason in (QueueReason.POOL, QueueReason.RATE, QueueReason.APPROVAL, QueueReason.BUDGET):
        script = planned_plan("a").queue("a", reason).at(2).begin("a").complete("a")
        assert any(line.startswith("It waited 2.00s for ") for line in sentences(script, "a"))
    assert "It waited 1.00s for approval." in sentences(study(), "write")


def test_edges_of_every_kind_are_told() -> None:
    for kind, words in {
        EdgeKind.DEPENDS_ON: "on which it depends",
        EdgeKind.DATA: "whose output it uses",
        EdgeKind.BARRIER: "which is sync and holds back what is declared after it",
    }.items():
        script = planned_plan("a")
        edge = PlannedEdge(source="a", target="b", kind=kind)
        data = ev.PlanExtendedData(actions=(planned("b"),), edges=(edge,))
        script.emit(ev.PlanExtended, data)
        script.begin("a").complete("a").begin("b").complete("b")
        assert sentences(script, "b")[0] == f"It came right after a, {words}."


def test_a_cached_output_a_fallback_and_what_runs_on_its_own() -> None:
    told_by_store = Told(cache="The inputs are those of run abc.")
    assert sentences(study(), "fetch", told_by_store) == [
        "It depends on nothing, so it was ready at once.",
        "It did not run: its output was taken from the cache.",
        "The inputs are those of run abc.",
    ]
    assert "It fell back from python to mirror." in sentences(build(), "upload")
    assert sentences(study(), "log") == [
        "It came right after fetch, on which it depends.",
        "It is fire and forget: it holds no slot, and nothing waited for it.",
        "The run was over, and the time that is left to background work, too.",
    ]


def test_a_failure_inside_is_named() -> None:
    script = planned_plan("a").begin("a", kind=ActionType.AGENT).start(path="a")
    script.plan([planned("x"), planned("y")], path="a").begin("x", path="a").begin("y", path="a")
    script.fail("y", "broke", path="a").fail("x", "too", path="a").fail("a", "its run failed")
    assert sentences(script, "a")[-1] == "Inside it, a/y failed first: broke"


def test_an_action_that_could_not_begin() -> None:
    script = planned_plan("a").fail("a", "no such tool", attempts=0)
    assert sentences(script, "a")[-1] == "It could not begin (exit_status): no such tool"


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        (SkipReason.CONDITION_FALSE, "It was skipped because its condition was false."),
        (
            SkipReason.NOTHING_FAILED,
            "It was skipped because it runs only if something fails, and nothing failed.",
        ),
        (SkipReason.CANCELLED, "The run was cancelled before it began."),
        (SkipReason.DEADLINE, "The run reached its deadline before it began."),
        (SkipReason.ABORTED, "It was skipped because the run was ended as a whole."),
        (SkipReason.NOT_CHOSEN, "It was skipped because a decision chose another case."),
        (
            SkipReason.UPSTREAM_FAILED,
            "It was skipped because something that it depends on did not complete.",
        ),
        (
            SkipReason.UPSTREAM_SKIPPED,
            "It was skipped because all that it comes after was skipped: .",
        ),
    ],
)
def test_every_reason_to_skip_is_told(reason: SkipReason, sentence: str) -> None:
    script = planned_plan("a").skip("a", reason)
    assert sentence in sentences(script, "a")
    assert explained(script, "a").root_cause is None


def test_the_text_of_a_condition_is_told_where_it_is_known() -> None:
    script = planned_plan("a").skip("a", SkipReason.CONDITION_FALSE)
    known = Told(condition="size(papers) > 0")
    assert "It was skipped because its condition was false: size(papers) > 0." in sentences(
        script, "a", known
    )


def test_a_decision_that_chose_otherwise_is_named() -> None:
    script = Script().start()
    script.plan([planned("pick", kind=ActionType.DECISION), planned("b")], {"b": ["pick"]})
    script.begin("pick", kind=ActionType.DECISION).complete("pick", "long")
    assert sentences(script.skip("b", SkipReason.NOT_CHOSEN), "b")[-1] == (
        "It was skipped because the decision pick chose another case: it gave 'long'."
    )


def test_a_chain_of_skips_leads_to_the_first() -> None:
    script = planned_plan("a", "b", "c", after={"b": ["a"], "c": ["b"]})
    script.skip("a", SkipReason.CONDITION_FALSE).skip("b", SkipReason.UPSTREAM_SKIPPED)
    script.skip("c", SkipReason.UPSTREAM_SKIPPED)
    assert sentences(script, "c")[-1] == (
        "The first of them, a, was skipped for the reason: condition false."
    )


def test_a_chain_of_failures_leads_to_the_root() -> None:
    names = ["a", "b", "c", "d"]
    script = planned_plan(*names, after={"b": ["a"], "c": ["b"], "d": ["c", "a"]})
    script.begin("a").cancel("a", CancelReason.TIMEOUT).skip("b").skip("c")
    explanation = explained(script.skip("d"), "c")
    assert explanation.root_cause == "a"
    assert explanation.sentences[-1] == "It all began with a, which was cancelled (timeout)."


def test_events_that_contradict_each_other_end_in_no_loop() -> None:
    script = planned_plan("a", "b", after={"b": ["a"], "a": ["b"]}).skip("a").skip("b")
    assert explained(script, "a").root_cause is None
    again = planned_plan("a", "b", after={"b": ["a"], "a": ["b"]})
    again.skip("a", SkipReason.UPSTREAM_SKIPPED).skip("b", SkipReason.UPSTREAM_SKIPPED)
    assert sentences(again, "a")[-1].endswith("all that it comes after was skipped: b.")


def test_a_skip_that_follows_from_none_names_none() -> None:
    script = planned_plan("a", "b", after={"b": ["a"]}).begin("a").complete("a")
    script.skip("b", SkipReason.UPSTREAM_SKIPPED)
    assert sentences(script, "b")[-1].endswith("all that it comes after was skipped: a.")


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        (CancelReason.CANCELLED, "The run was cancelled while it ran."),
        (CancelReason.DEADLINE, "The run reached its deadline while it ran."),
        (CancelReason.TIMEOUT, "The action around it reached its timeout while it ran."),
        (CancelReason.ABORTED, "It was cancelled because the run was ended as a whole."),
    ],
)
def test_every_reason_to_cancel_is_told(reason: CancelReason, sentence: str) -> None:
    script = planned_plan("a").begin("a").cancel("a", reason)
    assert sentences(script, "a")[-1] == sentence


def test_what_was_aborted_names_the_failure() -> None:
    script = planned_plan("a", "b", "c").begin("a").begin("b").at(1).fail("a", "broke")
    script.cancel("b", CancelReason.ABORTED).skip("c", SkipReason.ABORTED)
    whole = "because a failed, and with it the run as a whole: broke"
    assert sentences(script, "b")[-1] == f"It was cancelled {whole}"
    assert sentences(script, "c")[-1] == f"It was skipped {whole}"
    assert explained(script, "c").root_cause == "a"


def test_a_run_that_was_cut_short_is_explained_as_far_as_it_came() -> None:
    script = build()
    script.events = cut_short(script, 8)
    assert sentences(script, "unit")[-1] == "The events end while it runs."
    assert sentences(script, "deploy")[-1] == "The events end before it has begun."
    assert explained(script, "lint").state is ActionState.QUEUED


def test_much_evidence_and_long_errors_are_cut_with_a_mark() -> None:
    script = planned_plan("a").begin("a")
    for number in range(60):
        script.retry("a", "line\n" * 40, attempt=number + 1).begin("a", attempt=number + 2)
    explanation = explained(script.complete("a", attempts=61), "a")
    assert len(explanation.evidence) == MOST_EVIDENCE
    text = printed(explanation)
    assert f"… {explanation.left_out:,} more" in text
    assert "  …\n" in text


def test_an_attempt_that_was_left_behind_has_no_error() -> None:
    script = planned_plan("a").begin("a").at(1).begin("a").complete("a")
    assert "Attempt 1 failed after 1.00s." in sentences(script, "a")


def test_background_work_that_has_not_begun_is_not_called_so() -> None:
    script = Script().start().plan([planned("a", mode=ActionMode.FIRE_AND_FORGET)])
    assert sentences(script, "a") == ["The events end before it has begun."]


@pytest.mark.skipif(not NAUGHTY.exists(), reason="the shared test data are not here")
def test_naughty_strings_are_shown_safely() -> None:
    for script in naughty_runs():
        story = tell(script.events)
        for one in list(story)[:10]:
            text = printed(why(story, one, script.events, Told()), 40)
            assert all(cell_len(line) <= 40 for line in text.split("\n"))
            assert "\x1b" not in text

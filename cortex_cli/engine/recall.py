"""A loop whose plans a model writes goes on where an earlier part of the run was."""

from collections.abc import Mapping

from cortex_cli.engine.context import StepRecord
from cortex_cli.engine.ledger import Ledger
from cortex_cli.engine.past import Past, PastEnd
from cortex_cli.engine.past_plans import PastPlan, PastPlans
from cortex_cli.engine.planner import Outcome
from cortex_cli.engine.planning import Planning
from cortex_cli.kinds import ActionState
from cortex_cli.protocol.action import Action


def recall(planning: Planning, plans: PastPlans, past: Past, ledger: Ledger) -> None:
    """Take over the iterations before the last one: their outputs, outcomes and counts."""
    for plan in plans.earlier:
        planning.recall([_outcome(planning, plan, past, ledger, place) for place in _places(plan)])
    planning.iteration = plans.last.iteration - 1


def recall_plan(
    planning: Planning, plan: PastPlan, ended: Mapping[str, PastEnd]
) -> list[tuple[str, str]]:
    """Take over the plan of the last iteration, with its patches; what is refused of it by now.

    `ended` says how its actions have ended, by id.
    """
    refused: list[tuple[str, str]] = []
    patches = dict(plan.patches)
    for place, (_, written) in enumerate(plan.actions):
        if place in patches:
            if planning.patched_from is None:
                planning.patched_from = len(planning.admission)
            planning.replaced |= patches[place]
            known = [admitted for _, admitted in planning.joined] + planning.held
            gone = [one.number for one in known if one.action.id in patches[place]]
            planning.admission.replace(gone)
        verdict = planning.admission.add(written, "", again=True)
        planning.held += verdict.admitted
        refused += verdict.refused
    planning.mending.patches = len(plan.patches)
    planning.mending.recalled = {
        name for name in planning.replaced if name in ended and ended[name].error is not None
    }
    if plan.patches and not plan.is_complete:
        planning.mended_last = plan.patches[-1][1]
    planning.answer, planning.is_answered = plan.answer, plan.answer is not None
    planning.is_complete = plan.is_complete or bool(plan.patches)
    return refused


def _places(plan: PastPlan) -> range:
    return range(len(plan.actions))


def _outcome(
    planning: Planning, plan: PastPlan, past: Past, ledger: Ledger, place: int
) -> tuple[str, Outcome]:
    action_id, written = plan.actions[place]
    known = Action.model_validate(written)
    action = known.model_copy(update={"id": action_id})
    path = ledger.stamp.path
    end = past.of(path).get(action_id) or past.passing.get((path, action_id))
    end = end or PastEnd(state=ActionState.CANCELLED)
    ledger.count_past(end)
    for name, one in past.of(path).items() if known.for_each is not None else ():
        if name.startswith(f"{action_id}["):
            ledger.count_past(one)
    ledger.context.expect(action, known.id)
    step = StepRecord(
        status=end.state,
        output=end.output,
        error=end.error,
        duration_seconds=end.duration_seconds,
        attempts=end.attempts,
    )
    ledger.context.record(action, step)
    planning.used.add(action_id)
    outcome = Outcome(
        iteration=plan.iteration,
        action=written,
        status=end.state.value,
        output=end.output,
        error=end.error,
    )
    return known.id, outcome

"""Plans that a model writes while they run."""

import pytest

from tests.engine.bench import run
from tests.engine.planned import DONE, goal_spec, step


@pytest.mark.anyio
async def test_an_action_starts_when_its_dependencies_are_met_not_when_the_text_ends() -> None:
    turn = (step("t1", seconds=0.1), 0.05, step("t2", "t1"), 0.95, DONE)
    log = await run(goal_spec([turn]))
    assert log.starts()["t2"] == pytest.approx(0.10, abs=0.02)
    assert log.last.event_type == "agent_completed"
    assert log.last.data.duration == pytest.approx(1.0, abs=0.02)
    assert log.last.data.outputs == "done"
    assert log.types()[-3:] == ["iteration_completed", "termination", "agent_completed"]

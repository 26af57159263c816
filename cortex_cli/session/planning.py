"""Who plans for an agent that has a goal and no plan, and what is said of agents without either."""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cortex_cli.engine.planner import PlanOrder, PlanPiece
from cortex_cli.engine.ports import ModelClient
from cortex_cli.errors import Finding, SetupError, UsageError
from cortex_cli.events import Usage
from cortex_cli.kinds import ManifestKind, Severity
from cortex_cli.manifest.models import AgentManifest, CognitiveEngine
from cortex_cli.manifest.program import Program
from cortex_cli.manifest.prompts import read_prompts
from cortex_cli.plan.prose import word_for_word
from cortex_cli.protocol.offers import Offer
from cortex_cli.session.local_models import Models

if TYPE_CHECKING:
    from cortex_cli.llm.planner import ModelPlanner

_GIVE_GOAL = "write its plan down under 'actions', or give it a goal: 'goal', or --goal TEXT"


class ProgramPlanner:
    """Who writes or mends the plans of a program, made when that is first needed."""

    def __init__(
        self,
        program: Program,
        offers: Sequence[Offer],
        models: Models,
        root: Path,
    ) -> None:
        """`root` bounds what is read of its persona."""
        self._program = program
        self._offers = tuple(offers)
        self._models = models
        self._root = root
        self._made: ModelPlanner | None = None

    @property
    def name(self) -> str:
        """The model, as events and reports call it."""
        return self.ready().name

    def write(self, order: PlanOrder) -> AsyncIterator[PlanPiece]:
        """The pieces of a plan as they are written."""
        return self.ready().write(order)

    def estimate(self, order: PlanOrder) -> Usage:
        """What the first call of a turn uses at most."""
        return self.ready().estimate(order)

    def ready(self) -> "ModelPlanner":
        """Choose the models and read the prompts, if that is still to be done.

        SetupError, which says how to get a model, if there is none that plans; ManifestError for
        prompt files that are missing.
        """
        if self._made is None:
            self._made = self._make()
        return self._made

    def _make(self) -> "ModelPlanner":
        from cortex_cli.llm.plan_prompt import Brief
        from cortex_cli.llm.planner import ModelPlanner

        manifest = self._program.manifest
        agent = manifest if isinstance(manifest, AgentManifest) else None
        engine = CognitiveEngine() if agent is None else agent.cognitive_engine
        chosen = self._models.choose(None, engine)
        prompts = read_prompts(self._program, self._root)
        brief = Brief(
            offers=self._offers,
            system=prompts.system,
            agent=prompts.agent,
            user=prompts.user,
            knowledge=prompts.knowledge,
            agency_level=None if agent is None else agent.agency_level,
        )
        return ModelPlanner(
            able_to_plan(self._program.name, [chosen.client, chosen.fallback]),
            brief,
            parameters=engine.parameters,
            note=chosen.note,
        )


def asks_a_model(program: Program) -> bool:
    """Whether a model writes the plan of a program, or mends the one that is written down."""
    return program.plan is None or bool(program.protocol.self_healing)


def able_to_plan(agent_name: str, clients: Sequence[ModelClient | None]) -> list[ModelClient]:
    """Those of the models that can plan; SetupError, which says how to get one, if none can."""
    from cortex_cli.llm.connection import THREE_WAYS

    able = those_that_plan(clients)
    if not able:
        message = f"'{agent_name}' has a goal, and there is no model that could plan for it"
        raise SetupError(message, hint=THREE_WAYS)
    return able


def those_that_plan(clients: Sequence[ModelClient | None]) -> list[ModelClient]:
    """Those of the models that can write plans, or call tools."""
    from cortex_cli.llm.models import BUILTIN

    return [client for client in clients if client is not None and client.name != BUILTIN]


def no_plan(agent_name: str) -> UsageError:
    """The error of an agent that has neither a plan nor a goal."""
    return UsageError(f"'{agent_name}' has neither a plan nor a goal", hint=_GIVE_GOAL)


def with_goal(program: Program, goal: str) -> Program:
    """The program with a goal from outside; UsageError if it can't take one."""
    if program.kind is not ManifestKind.AGENT:
        message = f"only an agent takes a goal, and '{program.name}' is a {program.kind.value}"
        raise UsageError(message, hint="leave --goal out")
    if program.plan is not None:
        message = f"'{program.name}' has a plan of its own, so no goal is needed"
        raise UsageError(message, hint="leave --goal out, or take its 'actions' away")
    if not goal.strip():
        message = "the goal is empty"
        raise UsageError(message, hint="say with --goal what is to be reached")
    # What is said outside of the manifest is a value: a shell's dollar sign is none of ours.
    return replace(program, goal=word_for_word(goal))


def notes_on_plan(program: Program) -> Iterator[Finding]:
    """A note for an agent whose plan is not written down."""
    if program.plan is not None:
        return
    if program.goal is None:
        message = f"'{program.name}' has neither a plan nor a goal"
        hint: str | None = _GIVE_GOAL
    else:
        message, hint = f"a model writes the plan of '{program.name}' while it runs", None
    yield Finding(severity=Severity.NOTE, code="no_plan", message=message, hint=hint)

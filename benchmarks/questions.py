"""Questions that need several look-ups, the plans for them, and how long everything takes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cortex_cli.testing import Pace
from cortex_cli.testing.scripts import tokens_of

PACE = Pace(first_token_seconds=0.5, tokens_per_second=20.0)
"""A token is a word here; an action has about ten."""

ANSWER = '{"final_answer": "the first of the two, as the numbers say"}'
_LOOK_UP, _CALCULATE, _COMPARE = 1.2, 0.4, 0.3


@dataclass(frozen=True, slots=True)
class Step:
    """An action of a plan: what it waits for, by number, and its seconds."""

    number: int
    tool: str
    waits: tuple[int, ...]
    seconds: float

    def written(self, depends_on: Sequence[int] = ()) -> str:
        """Its text, as a model writes it; what it `depends_on` makes it no longer in words."""
        about = " and ".join(f"$(steps.a{wait})" for wait in self.waits) or f"thing {self.number}"
        parameters = json.dumps({"about": about, "seconds": self.seconds})
        names = ",".join(f'"a{wait}"' for wait in depends_on)
        after = f',"depends_on":[{names}]' if depends_on else ""
        start = f'{{"id": "a{self.number}", "type": "tool", "target": "{self.tool}"{after}'
        return f'{start}, "parameters": {parameters}}}\n'


def read_questions(path: Path) -> list[Mapping[str, Any]]:
    """Questions with their number of `branch`es."""
    return json.loads(path.read_text(encoding="utf-8"))


def plan_for(question: Mapping[str, Any]) -> list[Step]:
    """A look-up and a calculation for each branch, then one comparison of all.

    The look-ups are written first. How long each takes depends on the question and its place.
    """
    branches, salt = int(question["branch"]), int(question["id"])
    calculating = range(branches, 2 * branches)
    steps = [Step(n, "look_up", (), _usual(_LOOK_UP, salt + n)) for n in range(branches)]
    steps += [
        Step(n, "calculate", (n - branches,), _usual(_CALCULATE, salt + n)) for n in calculating
    ]
    return [*steps, Step(2 * branches, "compare", tuple(calculating), _COMPARE)]


def _usual(seconds: float, salt: int) -> float:
    """From 0.7 to 1.7 times the usual time."""
    return round(seconds * (0.7 + salt * 7 % 11 / 10), 3)


def waves(steps: Sequence[Step]) -> list[list[Step]]:
    """The steps by depth."""
    depth: dict[int, int] = {}
    found: list[list[Step]] = []
    for step in steps:
        depth[step.number] = 1 + max((depth[wait] for wait in step.waits), default=-1)
        if depth[step.number] == len(found):
            found.append([])
        found[depth[step.number]].append(step)
    return found


def in_waves(steps: Sequence[Step]) -> str:
    """The plan in which each step waits for the whole wave before it."""
    text, before = "", list[int]()
    for wave in waves(steps):
        text += "".join(step.written(before) for step in wave)
        before = [step.number for step in wave]
    return text


def answer_seconds() -> float:
    """How long the last turn takes, in which the model answers."""
    return PACE.due(len(tokens_of(ANSWER)) - 1)


def optimum(steps: Sequence[Step]) -> float:
    """The least seconds of a run in which each step begins once it is written and may begin."""
    texts = [step.written() for step in steps]
    ends: dict[int, float] = {}
    written = 0
    for step, text in zip(steps, texts, strict=True):
        written += len(tokens_of(text))
        ready = max((ends[wait] for wait in step.waits), default=0.0)
        ends[step.number] = max(PACE.due(written - 1), ready) + step.seconds
    return max(*ends.values(), PACE.due(written - 1)) + answer_seconds()

"""What runs, and may surprise, in one plan: notes for `cortex plan` and `cortex validate`."""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from cortex_cli.errors import Problem
from cortex_cli.kinds import ActionMode
from cortex_cli.manifest.locate import to_problems
from cortex_cli.manifest.parameters import is_mapping
from cortex_cli.manifest.program import Program
from cortex_cli.plan.describe import Outlook
from cortex_cli.plan.estimate import Learned
from cortex_cli.plan.notes import on_barriers, on_outputs, on_timeouts
from cortex_cli.plan.provided import Path
from cortex_cli.protocol.fetch import places_in

# Nobody reads more of one kind.
_MOST = 100


def notes_of(program: Program, outlook: Outlook, past: Mapping[str, Learned]) -> list[Problem]:
    """The notes on a program's plan; `past` is what runs have shown of its actions."""
    graph = outlook.graph
    places = places_in(program.actions_key, graph.actions)
    findings = [
        *on_barriers(outlook, places, _written_as_sync(program, outlook, places)),
        *islice(on_outputs(graph, places, program.outputs), _MOST),
        *islice(on_timeouts(graph.actions, places, past), _MOST),
    ]
    return list(to_problems(findings, program.document))


def _written_as_sync(program: Program, outlook: Outlook, places: Sequence[Path]) -> list[int]:
    """The actions that say that they are sync; the steps of a workflow are without saying so."""
    return [
        number
        for number, action in enumerate(outlook.graph.actions)
        if action.mode is ActionMode.SYNC and _says(program.document.value, places[number])
    ]


def _says(value: Any, place: Path) -> bool:
    for step in place:
        value = value[step]
    return is_mapping(value) and "mode" in value

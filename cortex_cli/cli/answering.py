"""Answers that are given beforehand: `--approve`, `--deny`, `--answer`."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from cortex_cli.cli.giving import given_names
from cortex_cli.errors import UsageError

if TYPE_CHECKING:
    from cortex_cli.events import Event
    from cortex_cli.session.session import Session


def given_answers(
    approve: list[str] | None, deny: list[str] | None, answer: list[str] | None
) -> Mapping[str, bool | str]:
    """The answers by path and id; UsageError for two that differ, or for one that says nothing."""
    given: dict[str, bool | str] = dict.fromkeys(given_names(approve), True)
    for name in given_names(deny):
        if name in given:
            message = f"'{name}' is both approved and denied"
            raise UsageError(message)
        given[name] = False
    for text in answer or ():
        name, equals, said = text.partition("=")
        if not equals or not name:
            message = f"--answer {text!r:.80} is not of the form ACTION=TEXT"
            raise UsageError(message)
        if name in given:
            message = f"'{name}' is answered twice"
            raise UsageError(message)
        given[name] = said
    return given


def check_answers(names: Iterable[str], session: "Session", events: Iterable["Event"]) -> None:
    """Raise UsageError for the name of an action that the run doesn't have and can't come to."""
    from cortex_cli.engine.past import Past
    from cortex_cli.ids import did_you_mean

    events = list(events)
    seen = {"/".join((*event.path, event.action_id)) for event in events if event.action_id}
    made = Past(events).made
    for name in names:
        *path, last = name.split("/")
        found = session.program_at(tuple(path), made)
        graph = None if found is None else found[1]
        is_open = found is not None and graph is None
        if name in seen or is_open or (graph is not None and last.partition("[")[0] in graph.index):
            continue
        near = seen if graph is None else {"/".join((*path, one)) for one in graph.index}
        message = f"the run has no action '{name}' to answer for"
        raise UsageError(message, hint=did_you_mean(name, near))

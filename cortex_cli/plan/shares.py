"""What actions take of the pools and rates that a run shares out."""

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass

from cortex_cli.ids import Hints
from cortex_cli.plan.traits import Traits
from cortex_cli.protocol.action import Action
from cortex_cli.protocol.resources import Resource, units_of


def units_taken(action: Action | Traits, names: Container[str]) -> dict[str, float]:
    """The units of each of the named resources that an action takes.

    What bears the name of a type of actions is taken, one unit, by each action of that type that
    does not say otherwise.
    """
    taken = {name: units for name, units in action.resources.items() if name in names}
    if action.type.value in names and action.type.value not in taken:
        taken[action.type.value] = 1.0
    return taken


@dataclass(frozen=True, slots=True)
class ShareTrouble:
    """Why an action can't take what it wants of the resource `name`."""

    name: str
    code: str
    message: str
    hint: str


def troubles(
    action: Action, shared: Mapping[str, Resource], hints: Hints
) -> Iterator[ShareTrouble]:
    """What is wrong with the resources of an action."""
    for name, units in action.resources.items():
        if not action.is_leaf:
            message = (
                f"{action.type} '{action.id}' takes '{name}' itself, which its own actions need"
            )
            hint = "give 'resources' to these"
            yield ShareTrouble(name, "resources_of_nested", message, hint)
        elif name not in shared:
            message = f"action '{action.id}' takes '{name}', which the run does not share out"
            hint = hints.did_you_mean(name, shared) or "declare it under protocol.resources"
            yield ShareTrouble(name, "unknown_resource", message, hint)
        elif units > (most := units_of(shared[name])):
            message = (
                f"action '{action.id}' takes {units:g} of '{name}', of which there are {most:g}"
            )
            hint = "take fewer, or declare more under protocol.resources"
            yield ShareTrouble(name, "too_many_units", message, hint)

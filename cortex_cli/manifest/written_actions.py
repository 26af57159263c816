"""The list of actions in a manifest: each checked by itself, so that all that is wrong is told."""

import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any, cast

from pydantic import ValidationError

from cortex_cli.errors import Finding, Problem
from cortex_cli.ids import slug
from cortex_cli.kinds import ActionType
from cortex_cli.manifest.document import Document
from cortex_cli.manifest.locate import to_problems
from cortex_cli.manifest.misfits import Misfits
from cortex_cli.manifest.parameters import is_mapping
from cortex_cli.manifest.source import MOST_PROBLEMS
from cortex_cli.manifest.wording import has, quoted, shown
from cortex_cli.protocol.action import Action

# What other actions, and the checks of a plan, may have to do with.
_ESSENTIAL = frozenset(
    {
        "id",
        "name",
        "type",
        "target",
        "operation",
        "mode",
        "parameters",
        "depends_on",
        "condition",
        "output_key",
        "cases",
        "default",
    }
)

_DEVICES = frozenset(
    {"con", "prn", "aux", "nul"}
    | {f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10)}
)


def read_actions(
    document: Document, key: str, misfits: Misfits
) -> tuple[tuple[Action, ...], list[Problem], bool]:
    """The actions under a key, what is wrong with them, and whether they are all there.

    An action that does not fit is replaced by what is sound of it, for the checks that follow.
    After more than a hundred problems the rest is not looked at.
    """
    items = document.value[key]
    if not isinstance(items, list):
        message = f"'{key}' must be a list, not {shown(items)}"
        finding = Finding(code="wrong_type", message=message, path=(key,))
        return (), list(to_problems([finding], document)), False
    actions: list[Action] = []
    problems: list[Problem] = []
    written = cast("list[Any]", items)
    for position, item in enumerate(written):
        try:
            actions.append(Action.model_validate(item))
        except ValidationError as error:
            problems += misfits.told(error, (key, position))
            actions.append(_mended(item, error, f"{key}_{position}"))
            if len(problems) > MOST_PROBLEMS:
                return tuple(actions), problems, False
    problems += to_problems(_check_names(actions, written, key), document)
    return tuple(actions), problems, True


def _mended(item: Any, error: ValidationError, stand_in: str) -> Action:
    """What is sound of an action that does not fit, of type `internal` if nothing else is."""
    written: dict[str, Any] = item if is_mapping(item) else {}
    wrong = {details["loc"][0] for details in error.errors(include_url=False) if details["loc"]}
    sound = {name: written[name] for name in _ESSENTIAL - wrong if name in written}
    try:
        return Action.model_validate({"type": ActionType.INTERNAL, "id": stand_in, **sound})
    except ValidationError:
        named = [written.get("id"), slug(str(written.get("name", "")))]
        name = next((name for name in named if name and isinstance(name, str)), stand_in)
        return Action.model_construct(id=name, name=name, type=ActionType.INTERNAL)


def _check_names(actions: Sequence[Action], written: Sequence[Any], key: str) -> Iterator[Finding]:
    """Ids and names that a person, or a file system, could take for something else."""
    ids: dict[str, str] = {}
    names: dict[str, str] = {}
    for position, action in enumerate(actions):
        place = (key, position, "id" if has(written[position], "id") else "name")
        # Ids are ASCII, where normalisation (NFKC) leaves nothing to do but the case.
        folded = action.id.casefold()
        if folded in _DEVICES:
            message = f"the id '{action.id}' is the name of a device on Windows"
            hint = "give the action another"
            yield Finding(code="reserved_id", message=message, hint=hint, path=place)
        yield from _alike("ids", ids.setdefault(folded, action.id), action.id, place)
        plain = unicodedata.normalize("NFKC", action.name)
        first = names.setdefault(plain, action.name)
        yield from _alike("names", first, action.name, (key, position, "name"))


def _alike(what: str, first: str, second: str, path: tuple[str | int, ...]) -> Iterator[Finding]:
    if first != second:
        message = f"the {what} {quoted(first)} and {quoted(second)} are too much alike"
        hint = "give one of the actions another"
        yield Finding(code="lookalike", message=message, hint=hint, path=path)

"""Which actions of a run are meant by what somebody typed."""

from collections.abc import Iterable

from cortex_cli.errors import UsageError
from cortex_cli.ids import did_you_mean
from cortex_cli.ui.words import listed


def named(labels: Iterable[str], wanted: str) -> list[str]:
    """The labels that are meant, in order: each is the ids that lead to an action.

    The first of these that finds any: the label itself, with all that lies inside that action; the
    last id of labels; their beginning. UsageError, with the nearest, if there is none.
    """
    known = list(dict.fromkeys(labels))
    ways = (
        [label for label in known if _is_inside(label, wanted)],
        [label for label in known if label.rpartition("/")[2] == wanted],
        [label for label in known if label.startswith(wanted)],
        [label for label in known if label.rpartition("/")[2].startswith(wanted)],
    )
    found = next((way for way in ways if way), None)
    if found is None or not wanted:
        message = f"the run has no action '{wanted:.200}'"
        raise UsageError(message, hint=_hint(known, wanted))
    return found


def the_one(labels: Iterable[str], wanted: str) -> str:
    """The one label that is meant; UsageError if there is none, or several."""
    known = list(labels)
    if wanted in known:
        return wanted
    found = named(known, wanted)
    if len(found) > 1:
        message = f"'{wanted}' may be {listed(found)}"
        raise UsageError(message, hint="write one of them whole")
    return found[0]


def _is_inside(label: str, wanted: str) -> bool:
    return label == wanted or label.startswith((f"{wanted}/", f"{wanted}["))


def _hint(known: list[str], wanted: str) -> str | None:
    ids = [label.rpartition("/")[2] for label in known]
    return did_you_mean(wanted, [*known, *ids])

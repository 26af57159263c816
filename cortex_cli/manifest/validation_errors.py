"""Pydantic's errors by the place in a document that they are about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from cortex_cli.manifest.document import Document, Step
from cortex_cli.manifest.source import MOST_PROBLEMS
from cortex_cli.manifest.wording import has

if TYPE_CHECKING:
    from pydantic import ValidationError

WANTED = {
    "string_type": "a string",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}
"""What was wanted, by the type of the error, where a value is of the wrong type."""

CHOICES = {"enum": "expected", "literal_error": "expected", "union_tag_invalid": "expected_tags"}
"""The errors about a value that is none of some, and where these are in the context."""

_MOST = 2 * MOST_PROBLEMS

# Under what other names a field may be written.
_ALIASES = {
    "retry": ("retry_policy", "retry_count"),
    "on_failure": ("skip_on_error",),
    "minimum": ("min",),
    "maximum": ("max",),
}

Path: TypeAlias = tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Misfit:
    """One of pydantic's errors; `path` leads to the value, or to the key that is missing."""

    path: Path
    type: str
    value: Any
    context: Mapping[str, Any]

    @property
    def is_of_wrong_type(self) -> bool:
        """Whether the value is of another type than the model wants."""
        return self.type in WANTED

    @property
    def is_hollow(self) -> bool:
        """Whether it says nothing once something inside of the value is told."""
        return self.is_of_wrong_type or self.type == "too_short"


def misfits_by_path(
    error: "ValidationError", document: Document, prefix: Sequence[Step]
) -> dict[Path, list[Misfit]]:
    """The errors about each place, as many as anyone would want to read, in pydantic's order.

    `prefix` is the path of the validated value in the document. Of a value for which there are
    alternatives, what is said within it goes before what is said of it as a whole.
    """
    by_path: dict[Path, list[Misfit]] = {}
    for details in error.errors(include_url=False)[:_MOST]:
        path = _path(document, (*prefix, *details["loc"]), details["type"])
        if details["loc"] == ("name",) and path == tuple(prefix):
            # An id stands in for a name that is not written; it is told as an id.
            continue
        misfit = Misfit(path, details["type"], details["input"], details.get("ctx", {}))
        by_path.setdefault(path, []).append(misfit)
    outer = {path[:end] for path in by_path for end in range(len(path))}
    return {
        path: misfits
        for path, misfits in by_path.items()
        if path not in outer or not all(misfit.is_hollow for misfit in misfits)
    }


def most_telling(misfits: Sequence[Misfit]) -> Misfit:
    """Of what the alternatives say of a value, that of one whose type the value has."""
    fitting = [misfit for misfit in misfits if not misfit.is_of_wrong_type] or misfits
    by_kind = [m for m in fitting if (m.type in CHOICES) == isinstance(m.value, str)]
    return (by_kind or fitting)[0]


def _path(document: Document, location: Sequence[Step], error_type: str) -> Path:
    """A location without the steps that name an alternative and not a key."""
    node: Any = document.value
    path: list[Step] = []
    for step in location:
        names = (step, *_ALIASES.get(step, ())) if isinstance(step, str) else (step,)
        written = next((name for name in names if has(node, name)), None)
        if written is not None:
            path.append(written)
            node = node[written]
    if error_type == "missing":
        path.append(location[-1])
    if error_type.startswith("union_tag_"):
        path.append("type")
    return tuple(path)

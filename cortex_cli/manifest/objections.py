"""What a document may not hold although it is YAML, worded once, collected with its place."""

from typing import NoReturn

from cortex_cli.errors import ManifestError, Problem
from cortex_cli.manifest.document import Limits, unpacked
from cortex_cli.manifest.scalars import UnusableNumberError, quoted, shortened
from cortex_cli.manifest.source import MOST_PROBLEMS

_CORE_TAG = "tag:yaml.org,2002:"
_BEGIN = "begin it with a key such as 'kind'"


class Objections:
    """The problems found so far, in the order of the file.

    Methods that return NoReturn, and the problem that is one too many, raise ManifestError with
    all of them: there is nothing to go on with. Each takes the packed place it is about.
    """

    def __init__(self, file: str, limits: Limits) -> None:
        self.problems: list[Problem] = []
        self._file = file
        self._limits = limits

    def tag(self, place: int, tag: str) -> None:
        name = quoted(tag.replace(_CORE_TAG, "!!"))
        hint = "remove it, and put in quotes what is meant as text"
        self._add(place, "yaml_tag", f"the tag {name} is not allowed", hint)

    def number(self, place: int, error: UnusableNumberError) -> None:
        self._add(place, "yaml_number", str(error), error.hint)

    def merge_key(self, place: int) -> None:
        hint = "write out the keys that it would merge"
        self._add(place, "yaml_merge_key", "the merge key << is not allowed", hint)

    def key_not_text(self, place: int, key: str) -> None:
        if key:
            message = f"a key must be text, and {shortened(key)} is not"
            self._add(place, "yaml_key", message, f'put it in quotes: "{shortened(key)}"')
        else:
            self._add(place, "yaml_key", "a key is missing here", "write it before the ':'")

    def key_with_control(self, place: int, key: str) -> None:
        message = f"the key {quoted(key)} holds a control character"
        self._add(place, "yaml_character", message, "remove it")

    def key_twice(self, place: int, key: str, first: int) -> None:
        line, _ = unpacked(first)
        message = f"the key {quoted(key)} stands twice, here and on line {line}"
        self._add(place, "yaml_duplicate_key", message, "remove one of them")

    def key_of_parts(self, place: int, kind: str) -> NoReturn:
        hint = 'put in quotes what is meant as text, such as "{{name}}"'
        self._stop(place, "yaml_key", f"a key must be text, not {kind}", hint)

    def alias_as_key(self, place: int) -> None:
        self._add(place, "yaml_alias", "an alias cannot be a key", "write the key out")

    def alias_of_nothing(self, place: int, name: str) -> None:
        message = f"the alias *{shortened(name)} has no anchor &{shortened(name)} before it"
        self._add(place, "yaml_alias", message, "put the text in quotes if it begins with '*'")

    def alias_of_itself(self, place: int, name: str) -> None:
        message = f"the alias *{shortened(name)} stands for a value that holds the alias itself"
        self._add(place, "yaml_alias", message, "write out what is meant")

    def too_many_aliases(self, place: int) -> NoReturn:
        message = f"there are more than {self._limits.max_aliases:,} aliases"
        self._stop(place, "yaml_alias", message, "write their values out")

    def too_much_repeated(self, place: int) -> NoReturn:
        message = f"with what aliases repeat there are more than {self._limits.max_nodes:,} values"
        self._stop(place, "yaml_alias", message, "use fewer aliases of aliases")

    def too_many_values(self, place: int) -> NoReturn:
        message = f"there are more than {self._limits.max_nodes:,} values"
        self._stop(place, "yaml_size", message, "split the file with 'import'")

    def too_dense(self, place: int) -> NoReturn:
        message = "there are too many values here for the size of the file"
        self._stop(place, "yaml_size", message, "keep large tables in a file of their own")

    def too_deep(self, place: int) -> NoReturn:
        message = f"lists and mappings are nested more than {self._limits.max_depth} deep"
        self._stop(place, "yaml_depth", message, "check for brackets that are never closed")

    def second_document(self, place: int) -> NoReturn:
        hint = "keep one manifest in a file, and no '---' after it"
        self._stop(place, "yaml_documents", "a second document begins here", hint)

    def not_a_mapping(self, place: int, kind: str) -> NoReturn:
        message = f"a manifest is a mapping of keys to values, not {kind}"
        self._stop(place, "yaml_root", message, _BEGIN)

    def empty(self, place: int) -> NoReturn:
        self._stop(place, "yaml_empty", "the file holds no manifest", _BEGIN)

    def raise_any(self) -> None:
        """Raise ManifestError if there are problems."""
        if self.problems:
            raise ManifestError(self.problems)

    def _add(self, place: int, code: str, message: str, hint: str) -> None:
        line, column = unpacked(place)
        problem = Problem(
            code=code, message=message, hint=hint, file=self._file, line=line, column=column
        )
        self.problems.append(problem)
        if len(self.problems) >= MOST_PROBLEMS:
            self.raise_any()

    def _stop(self, place: int, code: str, message: str, hint: str) -> NoReturn:
        self._add(place, code, message, hint)
        raise ManifestError(self.problems)

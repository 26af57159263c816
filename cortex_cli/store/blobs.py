"""Large outputs as files, each named by the SHA-256 of its content."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from cortex_cli.store.failures import CheckpointError, Fault, no_fault, storing
from cortex_cli.store.state import open_state_folder, private_opener, sync_folder

LARGE = 64 * 1024
"""An output of more bytes of JSON than this becomes a file."""

_UNNAMED = ".new"


class Blobs:
    """The files of one folder, which is made with the first of them.

    A file has its name only once it is whole. One writer at a time.
    """

    def __init__(self, folder: Path, *, sync: bool = False, fault: Fault = no_fault) -> None:
        """With `sync` a file is on the disk, whatever happens, before `put` returns."""
        self._folder = folder
        self._sync = sync
        self._fault = fault
        self._known: set[str] = set()

    def put(self, content: bytes) -> str:
        """Keep the content; the digest that `get` takes. SetupError if it can't be written."""
        digest = sha256(content).hexdigest()
        path = self.path(digest)
        with storing(path):
            if digest not in self._known or not path.exists():
                self._write(path, content)
        self._known.add(digest)
        return digest

    def get(self, digest: str) -> bytes:
        """The content; CheckpointError if it is missing or another, SetupError if unreadable."""
        path = self.path(digest)
        with storing(path):
            try:
                with open(path, "rb", opener=private_opener) as file:
                    content = file.read()
            except FileNotFoundError as error:
                raise CheckpointError(path, "it is missing") from error
        if sha256(content).hexdigest() != digest:
            self._known.discard(digest)
            raise CheckpointError(path, "its content is not what its name says")
        return content

    def path(self, digest: str) -> Path:
        """Where the content with that digest lies."""
        return self._folder / digest

    def digests(self) -> Iterator[str]:
        """The names of all files that are whole."""
        if self._folder.is_dir():
            yield from (path.name for path in self._folder.iterdir() if path.name != _UNNAMED)

    def remove(self, digests: Iterable[str]) -> None:
        """Delete files; one that is missing is no error."""
        for digest in digests:
            self._known.discard(digest)
            path = self.path(digest)
            with storing(path), suppress(FileNotFoundError):
                path.unlink()

    def _write(self, path: Path, content: bytes) -> None:
        open_state_folder(self._folder)
        unnamed = self._folder / _UNNAMED
        with open(unnamed, "wb", opener=private_opener) as file:
            file.write(content)
            file.flush()
            if self._sync:
                os.fsync(file.fileno())
        self._fault("blob.written")
        unnamed.rename(path)
        if self._sync:
            sync_folder(self._folder)
        self._fault("blob.named")

"""YAML by the core schema of YAML 1.2, read safely: bounded, total, with the place of each value."""

from pathlib import Path

from yaml.error import MarkedYAMLError

from cortex_cli.errors import ManifestError
from cortex_cli.manifest.builder import TreeBuilder
from cortex_cli.manifest.document import Document, Limits
from cortex_cli.manifest.files import check_size, read_bytes
from cortex_cli.manifest.parser import events_of
from cortex_cli.manifest.source import check_encoding, check_text, front_matter
from cortex_cli.manifest.syntax import problem_of

__all__ = ["Document", "Limits", "read_document", "read_file"]

_DEFAULT = Limits()


def read_file(path: Path, display: str, limits: Limits = _DEFAULT) -> Document:
    """Read a file; one that ends in `.md` carries its manifest as front matter.

    `display` is its name in messages. Raises ManifestError as `read_document` does, and for what
    is not a regular file or cannot be read. Whether the path may be read is for the caller to know.
    """
    content = read_bytes(path, display, limits.max_bytes)
    return read_document(content, display, limits, markdown=path.suffix.lower() == ".md")


def read_document(
    content: bytes, file: str, limits: Limits = _DEFAULT, *, markdown: bool = False
) -> Document:
    """The mapping that a manifest is, from UTF-8, with or without a byte order mark.

    With `markdown` it is the front matter, between two lines `---`, that is read, and the rest
    is ignored. Raises ManifestError with every problem found, up to 100: duplicate and merge keys,
    keys that are not text, tags, several documents, what goes beyond `limits`, wrong syntax.
    """
    check_size(content, file, limits.max_bytes)
    check_encoding(content, file)
    if markdown:
        content = front_matter(content, file)
    check_text(content, file)
    builder = TreeBuilder(file, len(content), limits)
    try:
        builder.consume(events_of(content))
    except MarkedYAMLError as exc:
        problem = problem_of(exc, content.decode("utf-8-sig"), file)
        raise ManifestError([*builder.problems, problem]) from exc
    return builder.document()

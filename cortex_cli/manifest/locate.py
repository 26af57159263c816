"""From the path of a finding to its file, line and column."""

from collections.abc import Iterable

from cortex_cli.errors import Finding, Problem
from cortex_cli.manifest.document import Document

# What these say is of a key, and not of the value that it has.
_ABOUT_KEYS = frozenset({"unknown_key", "unknown_parameter"})


def to_problems(
    findings: Iterable[Finding], document: Document | None, file: str | None = None
) -> tuple[Problem, ...]:
    """The findings about a manifest as problems, each at its place in the document.

    Without a document, as for a plan that a model wrote, only `file` is told, if there is one.
    """
    if document is None:
        return tuple(finding.at(file) for finding in findings)
    name = file or document.file
    return tuple(
        finding.at(name, *document.locate(finding.path, key=finding.code in _ABOUT_KEYS))
        for finding in findings
    )

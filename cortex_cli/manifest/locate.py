"""From the path of a finding to its file, line and column."""

from collections.abc import Iterable

from cortex_cli.errors import Finding, Problem
from cortex_cli.manifest.document import Document


def to_problems(
    findings: Iterable[Finding], document: Document | None, file: str | None = None
) -> tuple[Problem, ...]:
    """The findings about a manifest as problems, each at its place in the document.

    Without a document, as for a plan that a model wrote, only `file` is told, if there is one.
    """
    if document is None:
        return tuple(finding.at(file) for finding in findings)
    name = file or document.file
    return tuple(finding.at(name, *document.locate(finding.path)) for finding in findings)

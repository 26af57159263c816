"""Short ways to read a text, or to learn what is wrong with it."""

from typing import Any

import pytest

from cortex_cli.errors import ManifestError, Problem
from cortex_cli.manifest.yaml_reader import Document, Limits, read_document

FILE = "agent.yaml"


def document_of(text: str, limits: Limits | None = None) -> Document:
    """The document that a text holds."""
    return read_document(text.encode(), FILE, limits or Limits())


def value_of(text: str) -> Any:
    """What a text holds."""
    return document_of(text).value


def scalar_of(text: str) -> Any:
    """The value of a scalar as it is written after a key."""
    return value_of(f"a: {text}")["a"]


def problems_of(content: str | bytes, *, markdown: bool = False) -> tuple[Problem, ...]:
    """Everything that is wrong with a text, in the order in which it is told."""
    content = content if isinstance(content, bytes) else content.encode()
    with pytest.raises(ManifestError) as caught:
        read_document(content, FILE, markdown=markdown)
    assert all(problem.file == FILE for problem in caught.value.problems)
    return caught.value.problems


def codes_of(content: str | bytes) -> list[tuple[str, int | None, int | None]]:
    """Code, line and column of everything that is wrong with a text."""
    return [(problem.code, problem.line, problem.column) for problem in problems_of(content)]

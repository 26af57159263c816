"""Findings of checks become problems at their places."""

import pytest

from cortex_cli.errors import Finding, Severity
from cortex_cli.manifest.locate import to_problems
from tests.manifest.trees import load

_TEXT = """\
    kind: Workflow
    name: w
    steps:
      - id: a
        type: tool
        target: t
        depends_on: [b, c]
        parameters: {x: 1}
    """


@pytest.mark.parametrize(
    ("code", "path", "place"),
    [
        ("unknown_dependency", ("steps", 0, "depends_on", 1), (7, 21)),
        ("not_yet", ("steps", 0, "fallback"), (4, 5)),
        ("unknown_parameter", ("steps", 0, "parameters", "x"), (8, 18)),
        ("wrong_parameter", ("steps", 0, "parameters", "x"), (8, 21)),
        ("note", (), (1, 1)),
        ("note", ("steps", 7, "id"), (4, 3)),
    ],
)
def test_a_finding_is_placed_as_deep_as_its_path_leads(
    code: str, path: tuple[str | int, ...], place: tuple[int, int]
) -> None:
    finding = Finding(code=code, message="m", hint="h", path=path, severity=Severity.WARNING)
    [problem] = to_problems([finding], load(_TEXT).document)
    assert (problem.line, problem.column) == place
    assert (problem.file, problem.code, problem.hint) == ("m.yaml", code, "h")
    assert problem.severity is Severity.WARNING


def test_without_a_document_only_the_file_is_told() -> None:
    finding = Finding(code="x", message="m", path=("actions", 0))
    [problem] = to_problems([finding], None, "plan")
    assert (problem.file, problem.line, problem.column) == ("plan", None, None)


def test_another_name_for_the_file_may_be_told() -> None:
    [problem] = to_problems([Finding(code="x", message="m")], load(_TEXT).document, "other.yaml")
    assert problem.file == "other.yaml"

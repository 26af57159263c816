"""The worker checks a call, makes it and answers, whatever the function does."""

import io
import json
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Literal

import pytest

from cortex_cli.actions import python_worker
from cortex_cli.actions.python_worker import RefusalError, check_call, fits

Answer = Callable[..., dict[str, Any]]


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (str, "a"),
        (bool, True),
        (int, 1),
        (float, 1),
        (float, 1.5),
        (list, [1]),
        (list[int], [1, 2]),
        (dict, {"a": 1}),
        (dict[str, list[int]], {"a": [1]}),
        (int | None, None),
        (Literal["a"] | None, None),
        (Literal["a", 1], 1),
        (type(None), None),
        (Any, object()),
        (Path, "not checked"),
        (tuple[int, int], ["not checked"]),
    ],
)
def test_value_fits_its_hint(hint: Any, value: Any):
    assert fits(hint, value)


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (str, 1),
        (bool, 1),
        (int, True),
        (int, 1.5),
        (float, True),
        (float, "1"),
        (list, "text"),
        (list[int], [1, "a"]),
        (dict[str, int], {"a": "b"}),
        (dict[str, int], [1]),
        (int | None, "a"),
        (Literal["a", 1], True),
        (type(None), 0),
    ],
)
def test_value_does_not_fit_its_hint(hint: Any, value: Any):
    assert not fits(hint, value)


def refusal(function: Callable[..., Any], **parameters: Any) -> str:
    with pytest.raises(RefusalError) as caught:
        check_call(function, parameters)
    assert caught.value.kind == "parameters"
    return str(caught.value)


def search(
    text: Annotated[str, "what to look for"],
    *,
    depth: int | None = None,
    mode: Literal["a", "b"] = "a",
    links: list[str] | None = None,
) -> None: ...


def test_all_that_is_wrong_is_said_at_once():
    assert refusal(search, depth="x", mode="c", links=[1], txt="a") == (
        "there is no parameter 'txt'; did you mean 'text'?, parameter 'text' is required, "
        "parameter 'depth' must be int | None, not str, "
        "parameter 'mode' must be Literal['a', 'b'], not str, "
        "parameter 'links' must be list[str] | None, not list"
    )


def test_call_that_fits_is_let_through():
    check_call(search, {"text": "a", "depth": None, "links": ["x"]})


def test_any_name_is_taken_by_a_function_that_takes_any():
    def run(a: int, **others: Any) -> None: ...

    check_call(run, {"a": 1, "b": 2})
    assert refusal(run, b=2) == "parameter 'a' is required"


def make(source: str) -> Callable[..., Any]:
    names: dict[str, Any] = {}
    exec(source, names)  # what people write, and a type checker would refuse
    return names["run"]


@pytest.mark.parametrize(
    ("source", "parameters"),
    [
        ("def run(text: str = None): ...", {"text": None}),
        ("def run(text: 'Unknown'): ...", {"text": 1}),
        ("def run(text: 'int +'): ...", {"text": 1}),
        ("run = dict.get", {"text": 1}),
        ("run = min", {"text": 1}),
    ],
)
def test_hints_that_cannot_be_read_check_nothing(source: str, parameters: dict[str, Any]):
    function = make(source)
    if source.endswith("get"):
        assert "there is no parameter 'text'" in refusal(function, **parameters)
    else:
        check_call(function, parameters)


def as_the_interpreter_does(
    kind: type[BaseException] | None,
    error: BaseException | None,
    trace: TracebackType | None,
) -> bool:
    """Give to the hook what nobody catches."""
    if kind is not None and error is not None:
        sys.excepthook(kind, error, trace)
    return True


@pytest.fixture
def answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Answer:
    """Make a call in this process; what it answers, and `said` on standard error."""

    def call(code: str, entrypoint: str = "worker_job:run", **parameters: Any) -> dict[str, Any]:
        (tmp_path / "worker_job.py").write_text(code)
        given = {"folder": str(tmp_path), "entrypoint": entrypoint, "parameters": parameters}
        monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(given)))
        monkeypatch.setattr(sys, "stdout", sys.stdout)
        monkeypatch.setattr(sys, "path", [*sys.path])
        monkeypatch.setattr(sys, "excepthook", sys.excepthook)
        monkeypatch.delitem(sys.modules, "worker_job", raising=False)
        with ExitStack() as stack:
            stack.push(as_the_interpreter_does)
            python_worker.main()
        captured = capfd.readouterr()
        return {**json.loads(captured.out), "said": captured.err}

    return call


def test_answer_stands_alone_on_standard_output(answer: Answer):
    assert answer("def run(a):\n    print('é')\n    return [a]", a=1) == {
        "output": [1],
        "said": "é\n",
    }


def test_async_function_is_awaited(answer: Answer):
    assert answer("async def run():\n    return 'é'")["output"] == "é"


def test_exception_is_answered_and_its_traceback_said(answer: Answer):
    code = "class Odd(Exception):\n    def __str__(self):\n        raise ValueError\n"
    found = answer(f"{code}def run():\n    raise Odd")
    assert found["kind"] == "Odd"
    assert found["error"].startswith("Odd: <exception str() failed>")
    assert "in run" in found["said"]
    assert "python_worker" not in found["said"]


@pytest.mark.parametrize(
    ("code", "entrypoint", "kind", "message"),
    [
        ("", "worker_job:run", "entrypoint", "module 'worker_job' has no function 'run'"),
        ("run = 1", "worker_job:run", "entrypoint", "module 'worker_job' has no function 'run'"),
        (
            "",
            "no.such_module:run",
            "entrypoint",
            "there is no module 'no.such_module' in the tool's folder, nor installed",
        ),
        (
            "import no_such_package",
            "worker_job:run",
            "ModuleNotFoundError",
            "ModuleNotFoundError: No module named 'no_such_package'\n",
        ),
        (
            "def run():\n    return '\\ud800'",
            "worker_job:run",
            "output",
            "what it returned is not JSON: 'utf-8' codec can't encode character",
        ),
        (
            "def run():\n    return float('nan')",
            "worker_job:run",
            "output",
            "what it returned is not JSON: Out of range float values are not JSON compliant",
        ),
    ],
)
def test_what_cannot_be_called_or_returned_is_answered(
    code: str, entrypoint: str, kind: str, message: str, answer: Answer
):
    found = answer(code, entrypoint)
    assert found["kind"] == kind
    assert found["error"].startswith(message)


def test_parameters_that_do_not_fit_are_answered(answer: Answer):
    found = answer("def run(a: int): ...", a="x")
    assert (found["kind"], found["error"]) == ("parameters", "parameter 'a' must be int, not str")
    assert found["said"] == ""

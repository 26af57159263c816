"""What a run is made of: its manifests, and the variables that its plans refer to."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from cortex_cli.engine.context import declared
from cortex_cli.errors import CortexError
from cortex_cli.manifest.paths import root_of
from cortex_cli.manifest.program import Program
from cortex_cli.plan.condition_text import ConditionSyntaxError
from cortex_cli.plan.conditions import compile_condition
from cortex_cli.plan.references import find
from cortex_cli.session.secret_needs import owners_in
from cortex_cli.store.records import Sources

if TYPE_CHECKING:
    from cortex_cli.session.session import Session

MOST_BYTES = 4 * 2**20
"""How large the manifests of a run may be together, to be kept with it."""

_STANDARD_INPUT = "manifest.yaml"


def sources_of(session: "Session", run_dir: Path) -> Sources | None:
    """What the session's run is made of; None if that is too large to be kept, or can't be read.

    Files of variables are left out, as they may hold what is secret; the values of those that a
    plan refers to are in the events anyway. A secret that is written in a manifest is masked there.
    """
    program, request, masker = session.program, session.request, session.masker
    root = root_of(program.folder, root=request.root, cwd=request.cwd)
    files: dict[str, str] = {}
    try:
        for owner in owners_in(program):
            path = owner.folder / Path(owner.file).name
            if path.is_file() and path.is_relative_to(root):
                files[str(path.relative_to(root))] = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError, CortexError):
        return None
    entry = str((program.folder / Path(program.file).name).relative_to(root))
    if isinstance(request.source, bytes):
        entry = str(program.folder.relative_to(root) / _STANDARD_INPUT)
        files[entry] = request.source.decode("utf-8", "replace")
    if entry not in files or sum(map(len, files.values())) > MOST_BYTES:
        return None
    return Sources(
        entry=entry,
        files={n: t if masker is None else masker.mask(t) for n, t in files.items()},
        variables={p.name: _variables(p, session) for p in program.reached()},
        home=request.environ.get("HOME"),
        run_dir=str(run_dir),
    )


def _variables(program: Program, session: "Session") -> dict[str, str]:
    """The values of the variables that a plan refers to."""
    names = {str(name) for name in _named(program)}
    values = declared(program.variables, session.request.environ)
    masker = session.masker
    return {
        name: value if masker is None else masker.mask(value)
        for name, value in values.items()
        if name in names
    }


def _named(program: Program) -> Iterator[str | int]:
    """The names of variables in what the plan decides by, and in what its events show."""
    actions = program.plan.actions if program.plan else ()
    values = [[a.parameters, a.for_each, [case.value for case in a.cases]] for a in actions]
    outputs = [output.source for output in program.outputs.values()]
    for _, reference in find([values, outputs]):
        if reference.root == "env":
            yield from reference.path[:1]
        yield reference.root
    for action in actions:
        for text in (action.condition, *(case.when for case in action.cases)):
            if text is not None:
                yield from _in_condition(text)


def _in_condition(text: str) -> Iterator[str | int]:
    try:
        condition = compile_condition(text)
    except ConditionSyntaxError:
        return
    for root, path in condition.paths:
        if root == "env":
            yield from path[:1]

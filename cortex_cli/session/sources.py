"""What a run is made of: its manifests, and the variables that its plans refer to."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from cortex_cli.engine.context import declared
from cortex_cli.errors import CortexError
from cortex_cli.manifest.paths import root_of
from cortex_cli.manifest.program import Program, ToolTarget
from cortex_cli.manifest.tool_models import McpImplementation
from cortex_cli.plan.condition_text import ConditionSyntaxError
from cortex_cli.plan.conditions import compile_condition
from cortex_cli.plan.references import find
from cortex_cli.session.pinned_offers import imported_servers
from cortex_cli.session.secret_needs import owners_in
from cortex_cli.settings import FILE_NAME
from cortex_cli.store.records import Sources

if TYPE_CHECKING:
    from cortex_cli.mcp.lock import Pin
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
        files |= _of_servers(session)
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


def _of_servers(session: "Session") -> dict[str, str]:
    """What a replay has to know of the MCP servers that are used: their names, and what is pinned."""
    house, declared = session.servers, set[str]()
    pins: dict[str, Mapping[str, Pin]] = {}
    for target in _servers_in(session.program):
        pins[house.name_of(target)] = house.pinned(house.name_of(target))
        if target.server_name is not None:
            declared.add(target.server_name)
    files: dict[str, str] = {}
    if declared:
        # None is started: how that would be done is nobody else's business.
        lines = [f'[mcp.servers.{name}]\ncommand = "{name}"\n' for name in sorted(declared)]
        files[FILE_NAME] = "".join(lines)
    if any(pins.values()):
        from cortex_cli.mcp import lock

        files[lock.FILE_NAME] = lock.lock_text(pins)
    return files


def _servers_in(program: Program) -> Iterator[ToolTarget]:
    for owner in owners_in(program):
        if isinstance(owner, Program):
            yield from (target for _, target in imported_servers(owner))
        elif isinstance(owner, ToolTarget) and _is_served(owner):
            yield owner


def _is_served(target: ToolTarget) -> bool:
    return isinstance(target.manifest.implementation, McpImplementation)


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

"""One manifest file: read, held against the model of its kind, all that is wrong with it told."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cortex_cli.errors import Finding, ManifestError, Problem
from cortex_cli.ids import did_you_mean, nearest
from cortex_cli.kinds import ManifestKind, Severity
from cortex_cli.manifest.document import Document, Limits
from cortex_cli.manifest.locate import to_problems
from cortex_cli.manifest.misfits import Misfits
from cortex_cli.manifest.models import ImportDeclaration, ManifestBase
from cortex_cli.manifest.schema import MODELS, Manifest
from cortex_cli.manifest.source import MOST_PROBLEMS
from cortex_cli.manifest.wording import PLANS, PRAETORIAN, entries, listed, shown, subject
from cortex_cli.manifest.written_actions import read_actions
from cortex_cli.manifest.yaml_reader import read_document, read_file

MOST_ENTRIES = 10_000
"""How long a list or mapping may be, plans and what has no effect aside."""

_DEFAULT_LIMITS = Limits()
_STANDARD_KINDS = ("Monument", "Amulet")
# Without these, what else is said of the file would follow from the mistake in them.
_LOAD_BEARING = (
    *("import", "environment", "inputs", "trigger", "name"),
    *("secrets", "context_feeds", "resources"),
)
_UNBOUNDED = PLANS | {
    name for name, field in ManifestBase.model_fields.items() if field.annotation is Any
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LoadedManifest:
    """What one file says, and what is wrong with it.

    `file` is its name in messages, `path` its real path (None for standard input), `folder` what
    its paths are relative to. If any of `problems` is an error, `manifest` is what is sound of the
    file, for the checks that follow, or None.
    """

    file: str
    path: Path | None
    folder: Path
    document: Document
    kind: ManifestKind
    manifest: Manifest | None
    imports: ImportDeclaration
    problems: tuple[Problem, ...]


def load_file(path: Path, file: str, limits: Limits = _DEFAULT_LIMITS) -> LoadedManifest:
    """Load the manifest at a real path; ManifestError if it can't be read or has no kind of ours.

    All else that is wrong is in the `problems` of what is returned.
    """
    return _load(read_file(path, file, limits), path, path.parent)


def load_content(
    content: bytes, file: str, folder: Path, limits: Limits = _DEFAULT_LIMITS
) -> LoadedManifest:
    """Load a manifest from its content, whose paths are relative to `folder`; as `load_file`."""
    return _load(read_document(content, file, limits), None, folder)


def _load(document: Document, path: Path | None, folder: Path) -> LoadedManifest:
    findings = [*_check_kind(document), *_check_sizes(document)]
    if findings:
        raise ManifestError(to_problems(findings, document))
    is_praetorian = PRAETORIAN in document.value
    kind = ManifestKind.RELIC if is_praetorian else ManifestKind(document.value["kind"])
    read = _read_praetorian if is_praetorian else _read
    manifest, problems = read(document, kind)
    imports = _imports(document) if manifest is None else manifest.imports
    return LoadedManifest(
        file=document.file,
        path=path,
        folder=folder,
        document=document,
        kind=kind,
        manifest=manifest,
        imports=imports,
        problems=(*_first(problems, document), *to_problems(_notes(imports), document)),
    )


def _check_kind(document: Document) -> Iterator[Finding]:
    kinds = [kind.value for kind in ManifestKind]
    choice = f"kind may be {listed(kinds)}"
    kind = document.value.get("kind")
    if PRAETORIAN in document.value or kind in kinds:
        return
    if "kind" not in document.value:
        yield Finding(code="missing_kind", message="'kind' is missing", hint=choice)
        return
    match = did_you_mean(kind, kinds) if isinstance(kind, str) else None
    message = f"'kind' cannot be {shown(kind)}"
    if kind in _STANDARD_KINDS:
        message = f"a manifest of kind {kind} cannot be run"
    hint = f"{match} {choice}" if match else choice
    yield Finding(code="unknown_kind", message=message, hint=hint, path=("kind",))


def _check_sizes(document: Document) -> Iterator[Finding]:
    """Collections so large that telling all that is wrong in them would take its time."""
    pending: list[tuple[tuple[str | int, ...], Any]] = [((), document.value)]
    while pending:
        path, value = pending.pop()
        if len(value) > MOST_ENTRIES:
            message = f"{subject(document.value, path)} has more than {MOST_ENTRIES:,} entries"
            yield Finding(code="too_many", message=message, path=path)
        else:
            pending += [
                ((*path, step), child)
                for step, child in entries(value)
                if isinstance(child, dict | list) and (path or step not in _UNBOUNDED)
            ]


def _read(document: Document, kind: ManifestKind) -> tuple[Manifest | None, list[Problem]]:
    misfits = Misfits(document, kind)
    model = MODELS[kind]
    values = dict(document.value)
    problems: list[Problem] = []
    is_whole = True
    for key in PLANS & model.model_fields.keys():
        if values.get(key) is not None:
            values[key], found, is_complete = read_actions(document, key, misfits)
            problems += found
            is_whole = is_whole and is_complete
    try:
        manifest = model.model_validate(values)
    except ValidationError as error:
        problems += misfits.told(error)
        manifest = _mended(model, values, error)
    return manifest if is_whole else None, problems


def _mended(
    model: type[Manifest], values: Mapping[str, Any], error: ValidationError
) -> Manifest | None:
    """The manifest without the keys that do not fit; None if too much hangs on one of them."""
    wrong: set[str] = set()
    settings: set[str] = set()
    for details in error.errors(include_url=False):
        match details["loc"]:
            case ("protocol", str() as key, *_):
                settings.add(key)
            case place:
                wrong.add(str(*place[:1]))
    if any(nearest(key, _LOAD_BEARING) for key in wrong | settings):
        return None
    sound = {key: value for key, value in values.items() if key not in wrong}
    if settings:
        protocol = values["protocol"].items()
        sound["protocol"] = {key: value for key, value in protocol if key not in settings}
    try:
        return model.model_validate(sound)
    except ValidationError:
        return None


def _read_praetorian(
    document: Document, kind: ManifestKind
) -> tuple[Manifest | None, list[Problem]]:
    from cortex_cli.manifest.praetorian import PraetorianFile

    misfits = Misfits(document, kind)
    prefix: tuple[str, ...] = ()
    try:
        relics = PraetorianFile.model_validate(document.value).relics
        ((key, relic),) = relics.items()
        prefix = (PRAETORIAN, key)
        return relic.as_relic(key), []
    except ValidationError as error:
        return None, misfits.told(error, prefix)


def _imports(document: Document) -> ImportDeclaration:
    """What a file imports that is otherwise too wrong to be used."""
    try:
        return ImportDeclaration.model_validate(document.value.get("import"))
    except ValidationError:
        return ImportDeclaration()


def _notes(imports: ImportDeclaration) -> Iterator[Finding]:
    for name in ("amulets", "monuments"):
        if getattr(imports, name):
            message = f"'import.{name}' has no effect: cortex has no {name}"
            path = ("import", name)
            yield Finding(severity=Severity.NOTE, code="no_effect", message=message, path=path)


def _first(problems: list[Problem], document: Document) -> list[Problem]:
    """The problems in the order of the file, unless they are too many for anyone to read."""
    problems.sort(key=lambda problem: (problem.line or 0, problem.column or 0))
    if len(problems) <= MOST_PROBLEMS:
        return problems
    message = f"there are more problems: {MOST_PROBLEMS} are told"
    note = Finding(severity=Severity.NOTE, code="more_problems", message=message)
    return [*problems[:MOST_PROBLEMS], *to_problems([note], document)]

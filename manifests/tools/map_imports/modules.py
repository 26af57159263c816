"""What the Python files of a checkout are called and what they import while they load."""

import ast
import subprocess
import sys
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_LARGEST = 1_000_000
_NEVER_ON_IMPORT = frozenset({"TYPE_CHECKING", "__name__"})


@dataclass(frozen=True, slots=True)
class Module:
    """A Python file: its dotted name, and the package that its relative imports start from."""

    name: str
    package: str
    path: str


def python_files(root: Path) -> list[str]:
    """The tracked `.py` files, as paths from the root."""
    command = ["git", "-C", root, "ls-files", "-z", "--", "*.py"]
    listing = subprocess.run(command, capture_output=True, check=False, timeout=20)
    if listing.returncode:
        sys.exit(listing.stderr.decode(errors="replace").strip())
    return listing.stdout.decode(errors="surrogateescape").split("\0")[:-1]


def name_modules(paths: Iterable[str]) -> list[Module]:
    """Each file's module; a name starts below the last folder without an `__init__.py`."""
    known = list(paths)
    packages = {str(PurePosixPath(path).parent) for path in known if _is_package(path)}
    return [_module(path, packages) for path in known]


def _is_package(path: str) -> bool:
    return PurePosixPath(path).name == "__init__.py"


def _module(path: str, packages: set[str]) -> Module:
    folder = PurePosixPath(path).parent
    parts: list[str] = []
    while str(folder) in packages and folder.name:
        parts.insert(0, folder.name)
        folder = folder.parent
    package = ".".join(parts)
    name = package if _is_package(path) else ".".join([*parts, PurePosixPath(path).stem])
    return Module(name or folder.name, package, path)


class ModuleIndex:
    """Finds the file behind a dotted name, and a name to show for a file."""

    def __init__(self, modules: Iterable[Module]) -> None:
        """Each module goes by its own name, and by its path from the root or from `src`."""
        self._paths: dict[str, list[str]] = {}
        self._names: dict[str, str] = {}
        for module in modules:
            self._names[module.path] = module.name
            from_root = module.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
            for name in {module.name, from_root, from_root.removeprefix("src.")}:
                self._paths.setdefault(name, []).append(module.path)
        self._starts = {name.partition(".")[0] for name in self._paths}

    def find(self, name: str, importer: Module) -> str | None:
        """The file that a name lies in; of several of one name, only one beside the importer."""
        while name and name not in self._paths:
            name = name.rpartition(".")[0]
        paths = self._paths.get(name, [])
        folder = PurePosixPath(importer.path).parent
        beside = [path for path in paths if PurePosixPath(path).parent == folder]
        return beside[0] if beside else paths[0] if len(paths) == 1 else None

    def has_start_of(self, name: str) -> bool:
        """Whether the first part of a name is a folder or a module of the checkout."""
        return name.partition(".")[0] in self._starts

    def label(self, path: str) -> str:
        """The name of the module; its path, where several modules have that name."""
        name = self._names[path]
        label = name if len(self._paths[name]) == 1 else path
        return label.encode(errors="surrogateescape").decode(errors="replace")


def imported_names(root: Path, module: Module) -> list[str] | None:
    """Dotted names that the module imports while it loads; None if it can't be parsed.

    `from a import b` gives `a.b`, which may be a module or a name in one. Imports inside functions,
    under `if TYPE_CHECKING:` and under `if __name__ == …` are not among them.
    """
    path = root / module.path
    try:
        if path.stat().st_size > _LARGEST:
            return None
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return None
    return [name for node in _loading(tree) for name in _imported_by(node, module.package)]


def _loading(tree: ast.Module) -> Iterator[ast.stmt]:
    """The statements that run when the module loads, those in blocks and classes included."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import | ast.ImportFrom):
                yield child
            elif isinstance(child, ast.stmt | ast.excepthandler | ast.match_case):
                waiting.extend([] if _is_deferred(child) else [child])


def _is_deferred(node: ast.AST) -> bool:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return True
    return isinstance(node, ast.If) and bool(_NEVER_ON_IMPORT & {*_names_in(node.test)})


def _names_in(test: ast.expr) -> Iterator[str]:
    """`TYPE_CHECKING` of `typing.TYPE_CHECKING`, `__name__` of `__name__ == "__main__"`."""
    for node in ast.walk(test):
        if isinstance(node, ast.Name | ast.Attribute):
            yield node.id if isinstance(node, ast.Name) else node.attr


def _imported_by(node: ast.stmt, package: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        start = node.module or ""
        if node.level:
            parents = package.split(".")[: len(package.split(".")) - node.level + 1]
            start = ".".join([*parents, *filter(None, [node.module])])
        yield from (f"{start}.{alias.name}" for alias in node.names)

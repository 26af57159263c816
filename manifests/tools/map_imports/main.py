"""Map which Python modules of a checkout import each other.

Output: `{modules, imports, cycles, most_imported, external, unparsed, left_out}`. `cycles` is a
list of groups of modules that need each other to load; `most_imported` a list of `{module,
importers}`; `external` the packages imported from outside. Imports inside functions and under
`if TYPE_CHECKING:` don't count; that a package's `__init__` loads before its modules is not seen.
"""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from cycles import find_cycles
from modules import ModuleIndex, imported_names, name_modules, python_files

_SHOWN = 10
_REPORT_EVERY = 100


def map_imports(root: str, *, most_files: int = 3_000) -> dict[str, Any]:
    """The import graph of the tracked Python files, in figures."""
    paths = python_files(Path(root))
    modules = name_modules(paths[:most_files])
    index = ModuleIndex(modules)
    graph: dict[str, set[str]] = {module.path: set() for module in modules}
    external: set[str] = set()
    unparsed = 0
    for done, module in enumerate(modules):
        if done % _REPORT_EVERY == 0:
            sys.stderr.write(json.dumps({"progress": done / len(modules)}) + "\n")
        names = imported_names(Path(root), module)
        unparsed += names is None
        for name in names or []:
            target = index.find(name, module)
            if target is not None:
                graph[module.path].add(target)
            elif not index.has_start_of(name):
                external.add(name.partition(".")[0])
        graph[module.path].discard(module.path)
    importers = Counter(target for targets in graph.values() for target in targets)
    return {
        "modules": len(modules),
        "imports": importers.total(),
        "cycles": [sorted(map(index.label, group)) for group in find_cycles(graph)],
        "most_imported": [
            {"module": index.label(path), "importers": count}
            for path, count in importers.most_common(_SHOWN)
        ],
        "external": sorted(external - sys.stdlib_module_names - {""}),
        "unparsed": unparsed,
        "left_out": len(paths) - len(modules),
    }


def main() -> None:
    """Answer one call: parameters in, output out."""
    parameters = json.loads(sys.argv[1] if len(sys.argv) > 1 else sys.stdin.read())
    json.dump(map_imports(**parameters), sys.stdout)


if __name__ == "__main__":
    main()

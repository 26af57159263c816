"""In which order programs that call each other are worked out."""

from cortex_cli.manifest.program import Program


def called_first(program: Program) -> list[Program]:
    """A program and all that it reaches, each after what it calls, but for circles."""
    ordered: list[Program] = []
    seen = {program}
    path = [(program, program.scope.called())]
    while path:
        caller, rest = path[-1]
        called = next((one for one in rest if one not in seen), None)
        if called is None:
            ordered.append(caller)
            path.pop()
        else:
            seen.add(called)
            path.append((called, called.scope.called()))
    return ordered

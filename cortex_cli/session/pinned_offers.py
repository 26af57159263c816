"""What a model that writes a plan is told of MCP servers: their tools as they are pinned."""

from collections.abc import Iterator

from cortex_cli.kinds import ActionType
from cortex_cli.manifest.program import Program, ToolTarget
from cortex_cli.protocol.offers import Offer
from cortex_cli.session.servers import ServerHouse

_LONGEST_DESCRIPTION = 500


def pinned_offers(program: Program, house: ServerHouse) -> Iterator[Offer]:
    """The tools of the servers that a program imports, in the order of the file.

    No server is started for it: of one that was never used nothing is known. SetupError for a lock
    that cannot be read.
    """
    for name, target in imported_servers(program):
        for tool, pin in house.pinned(house.name_of(target)).items():
            yield Offer(
                type=ActionType.TOOL,
                target=f"{name}.{tool}",
                description=" ".join(pin.description.split())[:_LONGEST_DESCRIPTION],
                parameters=pin.input_schema,
            )


def imported_servers(program: Program) -> Iterator[tuple[str, ToolTarget]]:
    """The servers that a program imports: the name of each, and what stands for all its tools."""
    for one in program.manifest.imports.mcp:
        name = one if isinstance(one, str) else one.name
        target = program.lookup(ActionType.TOOL, f"{name}.*")
        if isinstance(target, ToolTarget):
            yield name, target

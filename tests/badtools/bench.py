"""Manifests of tools that misbehave, run by the real engine, and what is left of them."""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from cortex_cli.events import Event
from cortex_cli.session.session import Request, Session

TOOLS = Path(__file__).parent / "tools"
MEGABYTE = 1024 * 1024
RUNTIMES = {".sh": "sh", ".py": "python3"}


class Bench:
    """A folder with a manifest, whose tools carry a mark of the test's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mark = f"CORTEX_TEST_MARK={uuid4().hex}"

    def script(self, path: Path) -> str:
        """Add a tool that is a script; its name."""
        implementation = (
            f"{{type: script, runtime: {RUNTIMES[path.suffix]}, entrypoint: {path.name}}}"
        )
        (self.folder / path.name).write_bytes(path.read_bytes())
        return self._tool(path.stem, implementation)

    def shell(self, name: str, line: str) -> str:
        """Add a tool that is a line for the shell; its name."""
        return self._tool(name, f"{{type: command, shell: true, command: {json.dumps(line)}}}")

    def _tool(self, name: str, implementation: str) -> str:
        variable, value = self.mark.split("=")
        (self.folder / f"{name}.yaml").write_text(
            f"kind: Tool\nname: {name}\nenvironment: {{variables: {{{variable}: {value}}}}}\n"
            f"implementation: {implementation}\n"
        )
        return name

    def write(
        self, actions: Mapping[str, str], tools: Iterable[str], slots: int | None = None
    ) -> Path:
        """Write the manifest of some actions, id → the rest of it in YAML; by default all at once."""
        lines = (f"  - {{id: {key}, type: tool, {rest}}}" for key, rest in actions.items())
        imports = ", ".join(f"{name}.yaml" for name in sorted(set(tools)))
        path = self.folder / "agent.yaml"
        path.write_text(
            f"kind: Agent\nname: bad\nimport: {{tools: [{imports}]}}\n"
            f"protocol: {{max_parallel_actions: {slots or len(actions)}}}\nactions:\n"
            + "\n".join(lines)
        )
        return path

    def session(self, actions: Mapping[str, str], tools: Iterable[str]) -> Session:
        """Open the manifest of some actions."""
        path = self.write(actions, tools)
        return Session.open(Request(source=path, cwd=self.folder, environ={}))

    def survivors(self, execution_id: str | None = None) -> list[str]:
        """The command lines of whoever carries the mark of the test, or that of the run."""
        marks = [self.mark.encode()]
        if execution_id:
            marks.append(f"CORTEX_RUN_ID={execution_id}".encode())
        found: list[str] = []
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                environment = (process / "environ").read_bytes()
                if any(mark in environment for mark in marks):
                    found.append((process / "cmdline").read_text())
        return found


class Memory:
    """The resident size of this process, from now on."""

    def __init__(self) -> None:
        # 5: the peak starts anew.
        Path("/proc/self/clear_refs").write_text("5")
        self._before = self._size("VmRSS")

    def growth(self) -> int:
        """By how many bytes it has been larger, at most."""
        return self._size("VmHWM") - self._before

    @staticmethod
    def _size(name: str) -> int:
        lines = Path("/proc/self/status").read_text().splitlines()
        [line] = [line for line in lines if line.startswith(f"{name}:")]
        return int(line.split()[1]) * 1024


async def play(session: Session) -> list[Event]:
    """Run to the end; all events."""
    await session.preflight()
    async with session.run({}) as events:
        return [event async for event in events]

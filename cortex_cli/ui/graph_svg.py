"""Drawing DOT as SVG with Graphviz: the one place of the displays that starts a process."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from cortex_cli.errors import SetupError

DRAWING_SECONDS = 120.0

_INSTALL = "pip install 'cortex-agent-loop[viz]'"
_BUNDLED = "graphviz-pure"
_SYSTEM = "dot"
_ENVIRONMENT = ("HOME", "PATH", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR")


def render_svg(
    dot: str, *, program: str | None = None, timeout_seconds: float = DRAWING_SECONDS
) -> bytes:
    """The picture of a graph in DOT, as an SVG document.

    `program` takes the command line of `dot`; by default it is the one that `find_program` finds.
    Raises SetupError if there is none, or it can't be started, fails or takes too long. Nothing of
    it is left running.
    """
    program = program or find_program()
    name = Path(program).name
    try:
        process = subprocess.Popen(
            [program, "-Tsvg"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={key: os.environ[key] for key in _ENVIRONMENT if key in os.environ},
            start_new_session=True,
        )
    except OSError as exc:
        message = f"{name} can't be started: {exc.strerror}"
        raise SetupError(message, hint=_INSTALL) from exc
    with process:
        try:
            svg, complaints = process.communicate(dot.encode(), timeout=timeout_seconds)
        except subprocess.TimeoutExpired as exc:
            message = f"{name} took more than {timeout_seconds:g} s to draw the graph"
            raise SetupError(message, hint="try --mermaid, --ascii or --json") from exc
        finally:
            _end(process)
    if process.returncode != 0:
        message = f"{name} failed to draw the graph: {_last_line(complaints)}"
        raise SetupError(message)
    return svg


def find_program(scripts: Path | None = None, search_path: str | None = None) -> str:
    """The `graphviz-pure` of this environment, else one on the path, else the system's `dot`.

    `scripts` is the folder of the environment's commands, `search_path` a PATH; by default this
    process's own. Raises SetupError, naming the extra to install, if there is none.
    """
    scripts = Path(sys.executable).parent if scripts is None else scripts
    found = (
        shutil.which(_BUNDLED, path=str(scripts))
        or shutil.which(_BUNDLED, path=search_path)
        or shutil.which(_SYSTEM, path=search_path)
    )
    if found is None:
        message = f"drawing needs Graphviz: neither {_BUNDLED} nor {_SYSTEM} was found"
        raise SetupError(message, hint=_INSTALL)
    return found


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the whole group if its first process still runs, as after a time-out or Ctrl-C."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)


def _last_line(complaints: bytes) -> str:
    lines = complaints.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it didn't say why"

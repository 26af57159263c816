"""What `cortex doctor` looks at."""

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

import msgspec

from cortex_cli.actions.sandbox import find_sandbox
from cortex_cli.errors import CortexError
from cortex_cli.settings import load_settings, state_folder
from cortex_cli.store.state import open_state_folder

DISTRIBUTION = "cortex-agent-loop"
_RUNTIMES = {
    "python3": "tools with the runtime python3 run on cortex's own Python",
    "bash": "tools with the runtime bash cannot run",
    "node": "tools with the runtime node cannot run",
    "git": "manifests/repo_audit.yaml cannot run",
}


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at: `note` is worth knowing, `error` keeps cortex from working."""

    name: str
    status: Literal["ok", "note", "error"]
    found: str
    hint: str | None = None


def diagnose() -> list[Check]:
    """Look at everything; changes nothing but that the state folder is made if it is missing."""
    return [
        _python(),
        _system(),
        _settings(),
        _state(),
        *_programs(),
        _sandbox(),
        _drawing(),
        _mcp(),
    ]


def _python() -> Check:
    found = (
        f"{platform.python_version()} ({sys.executable}), {DISTRIBUTION} {version(DISTRIBUTION)}"
    )
    return Check(name="python", status="ok", found=found)


def _system() -> Check:
    found = f"{platform.system()} {platform.release()}"
    if sys.platform == "linux":
        return Check(name="system", status="ok", found=found)
    hint = "children that leave their process group are ended on Linux only"
    return Check(name="system", status="note", found=found, hint=hint)


def _settings() -> Check:
    try:
        settings = load_settings(os.environ, None)
    except CortexError as error:
        return Check(name="settings", status="error", found=str(error))
    shown = ", ".join(f"{key}={value}" for key, value in settings if key != "mcp" and value)
    return Check(name="settings", status="ok", found=shown)


def _state() -> Check:
    folder = state_folder(os.environ)
    try:
        open_state_folder(folder)
    except CortexError as error:
        return Check(name="state folder", status="error", found=str(error))
    return Check(name="state folder", status="ok", found=str(folder))


def _programs() -> Iterator[Check]:
    for name, without in _RUNTIMES.items():
        path = shutil.which(name)
        if path is None:
            yield Check(name=name, status="note", found="not on PATH", hint=without)
        else:
            yield Check(name=name, status="ok", found=path)


def _sandbox() -> Check:
    try:
        return Check(name="bwrap", status="ok", found=find_sandbox())
    except CortexError as error:
        hint = "tools with 'sandbox: bwrap' cannot run"
        return Check(name="bwrap", status="note", found=str(error), hint=hint)


def _drawing() -> Check:
    try:
        found = f"graphviz-pure {version('graphviz-pure')}"
    except PackageNotFoundError:
        found = shutil.which("dot") or ""
    if found:
        return Check(name="drawing", status="ok", found=found)
    hint = f"for cortex graph -o file.svg: pip install '{DISTRIBUTION}[viz]'"
    return Check(name="drawing", status="note", found="no graphviz", hint=hint)


def _mcp() -> Check:
    try:
        return Check(name="mcp", status="ok", found=f"mcp {version('mcp')}")
    except PackageNotFoundError:
        hint = f"for tools of MCP servers: pip install '{DISTRIBUTION}[mcp]'"
        return Check(name="mcp", status="note", found="not installed", hint=hint)

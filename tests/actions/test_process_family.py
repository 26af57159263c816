"""Where there is no /proc, the group of a child is its family."""

import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.abc import Process

from cortex_cli.actions.process_family import ProcessFamily, kill_marked
from cortex_cli.actions.process_start import child_environment

GROUP = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.fork()
print("ready", flush=True)
time.sleep(99)
"""


async def start(env: dict[str, str], code: str) -> Process:
    return await anyio.open_process(
        [sys.executable, "-S", "-c", code], env=child_environment(env), start_new_session=True
    )


async def test_group_is_ended_without_a_proc_folder(tmp_path: Path, survivors: Any):
    process = await start(survivors.env, GROUP)
    family = ProcessFamily(process, "no mark", proc=tmp_path / "none")
    assert process.stdout is not None
    await process.stdout.receive()
    assert await family.end(0.1)
    assert process.returncode == -9
    assert survivors() == []
    await process.aclose()


async def test_end_of_what_has_ended_is_nothing(tmp_path: Path, survivors: Any):
    process = await start(survivors.env, "pass")
    await process.wait()
    for proc in (tmp_path / "none", Path("/proc")):
        family = ProcessFamily(process, "no mark", proc=proc)
        with anyio.fail_after(2):
            await family.gone()
        assert not await family.end(0.1)
    await process.aclose()


async def test_marked_processes_are_killed_and_nobody_else(survivors: Any):
    marked = await start(survivors.env, GROUP)
    other = await start({}, "input()")
    assert marked.stdout is not None
    assert other.stdin is not None
    await marked.stdout.receive()
    kill_marked(survivors.env["CORTEX_TEST_MARK"])
    assert await marked.wait() == -9
    await other.stdin.send(b"\n")
    assert await other.wait() == 0
    await marked.aclose()
    await other.aclose()


def test_nothing_is_killed_without_a_proc_folder_or_a_mark(tmp_path: Path):
    kill_marked("any", proc=tmp_path / "none")
    with pytest.raises(ValueError, match="an empty mark marks nothing"):
        kill_marked("")

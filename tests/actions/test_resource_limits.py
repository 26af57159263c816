"""A tool that uses more than it may is killed, with the reason."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cortex_cli.actions import resource_limits
from cortex_cli.actions.process import ProcessLimits
from cortex_cli.actions.process_start import Launch, child_environment
from cortex_cli.actions.resource_limits import Caps, run_within
from cortex_cli.errors import ActionError
from cortex_cli.manifest.tool_models import ToolManifest

MIB = 1024 * 1024
HOG = "data = bytearray(200 * 1024 * 1024)\nimport time; time.sleep(9)\n"
SPIN = "while True: pass\n"
CHILD = "import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}])\n"
Run = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path, survivors: Any) -> Run:
    async def run_code(code: str, **caps: Any) -> Any:
        launch = Launch(
            argv=[sys.executable, "-S", "-c", code],
            env=child_environment(survivors.env),
            cwd=str(tmp_path),
        )
        limits = ProcessLimits(grace_seconds=0.2, drain_seconds=0.2)
        try:
            return await run_within(Caps(**caps), launch, on_line=lambda _: None, limits=limits)
        finally:
            assert survivors() == []

    return run_code


@pytest.mark.parametrize("code", [HOG, CHILD.format(code=HOG)])
async def test_memory_is_that_of_all_its_processes(run: Run, code: str) -> None:
    with pytest.raises(ActionError, match="MiB of memory, and may use 100 MiB") as caught:
        await run(code, memory_bytes=100 * MIB)
    assert caught.value.error_type == "memory"


async def test_memory_that_is_only_reserved_or_shared_is_not_used(run: Run) -> None:
    code = (
        "import mmap, os, time\n"
        "reserved = mmap.mmap(-1, 4 * 1024**3)\n"
        "shared = mmap.mmap(-1, 60 * 1024**2); shared.write(b'x' * 60 * 1024**2)\n"
        "for _ in range(4):\n    if os.fork() == 0: shared[::4096]; time.sleep(0.4); os._exit(0)\n"
        "time.sleep(0.5); print('fine')\n"
    )
    assert (await run(code, memory_bytes=150 * MIB)).text == "fine\n"


@pytest.mark.parametrize("code", [SPIN, CHILD.format(code=SPIN)])
async def test_processor_time_is_that_of_all_its_processes(run: Run, code: str) -> None:
    with pytest.raises(ActionError, match=r"more than 0.3 s of processor time") as caught:
        await run(code, cpu_seconds=0.3)
    assert caught.value.error_type == "cpu"


@pytest.mark.parametrize(
    "code",
    [
        SPIN,
        f"import subprocess, sys\nsys.exit(128 - {CHILD.format(code=SPIN)[24:-1]}.returncode)\n",
    ],
)
async def test_the_kernel_limits_it_where_nobody_looks(
    run: Run, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource_limits, "SAMPLE_SECONDS", 60)
    with pytest.raises(ActionError, match=r"more than 1 s of processor time"):
        await run(code, cpu_seconds=1)


async def test_what_keeps_within_its_limits_is_left_alone(run: Run) -> None:
    result = await run("print('done')", memory_bytes=900 * MIB, cpu_seconds=20)
    assert result.text == "done\n"


async def test_other_ends_are_told_as_they_are(run: Run) -> None:
    code = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
    with pytest.raises(ActionError, match="SIGSEGV"):
        await run(code, cpu_seconds=20)
    with pytest.raises(ActionError, match="SIGSEGV"):
        await run(code, memory_bytes=900 * MIB)


async def test_a_process_that_is_gone_uses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert resource_limits._resident(2**30) == 0
    assert resource_limits._share(2**30) == 0
    assert resource_limits._processor_seconds(2**30) == 0
    assert resource_limits._session(2**30) is None
    monkeypatch.setattr(resource_limits, "_PROC", Path("/no/proc"))
    assert list(resource_limits._members(1)) == []


def test_of_two_limits_the_smaller_counts() -> None:
    manifest = ToolManifest.model_validate(
        {
            "kind": "Tool",
            "name": "t",
            "resources": {"memory": "1GB", "cpu_seconds": 3},
            "implementation": {
                "type": "script",
                "entrypoint": "x",
                "resources": {"memory": "256MB", "cpu_seconds": 5},
            },
        }
    )
    assert Caps.of(manifest) == Caps(memory_bytes=256 * MIB, cpu_seconds=3)

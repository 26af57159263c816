"""What tools may take of this process stays within bounds: its memory and its descriptors."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cortex_cli.actions.descriptors import Descriptors
from cortex_cli.errors import SetupError
from cortex_cli.events import ActionCompleted, Progress
from tests.badtools.bench import MEGABYTE, Bench, Memory, play

AT_ONCE = 1_000


async def check_memory_is_flat(bench: Bench, size: int) -> None:
    printer = bench.shell("printer", f"head -c {size} /dev/zero; head -c {size // 8} /dev/zero >&2")
    await play(bench.session({"idle": "target: printer"}, [printer]))
    memory = Memory()
    session = bench.session({f"p{n}": "target: printer" for n in range(4)}, [printer])
    events = await play(session)
    print("GROWTH", memory.growth()/MEGABYTE)
    assert memory.growth() < 64 * MEGABYTE
    outputs = [event.data.output for event in events if isinstance(event, ActionCompleted)]
    assert len(outputs) == 4
    assert all("cut] …" in output for output in outputs)


async def test_memory_is_flat_while_four_tools_print_64_megabytes(bench: Bench) -> None:
    await check_memory_is_flat(bench, 64 * MEGABYTE)


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_memory_is_flat_while_four_tools_print_a_gigabyte(bench: Bench) -> None:
    await check_memory_is_flat(bench, 1024 * MEGABYTE)

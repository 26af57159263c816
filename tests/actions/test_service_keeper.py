"""The keeper of a service: its log is bounded, and the service does not outlive the pipe."""

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from cortex_cli.actions import service_keeper
from cortex_cli.actions.service_keeper import CUT_MARK, BoundedLog, main

LOOP = "import time\nprint('up', flush=True)\nwhile True: time.sleep(9)\n"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"


def started(
    log: Path, code: str, *, grace: float = 5.0, most: int = 10_000
) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [
            sys.executable,
            service_keeper.__file__,
            str(log),
            str(most),
            str(grace),
            sys.executable,
            "-c",
            code,
        ],
        stdin=subprocess.PIPE,
    )


def wait_for(log: Path, text: bytes) -> None:
    while not (log.is_file() and text in log.read_bytes()):
        pass


def ended(keeper: "subprocess.Popen[bytes]") -> int:
    assert keeper.stdin is not None
    keeper.stdin.close()
    return keeper.wait(10)


def test_the_exit_code_is_that_of_the_service(tmp_path: Path) -> None:
    keeper = started(tmp_path / "log", "import sys; print('out'); sys.exit('why')")
    assert keeper.wait(10) == 1
    ended(keeper)
    assert sorted((tmp_path / "log").read_text().split()) == ["out", "why"]
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600


def test_the_end_of_its_standard_input_ends_the_service(tmp_path: Path) -> None:
    keeper = started(tmp_path / "log", LOOP)
    wait_for(tmp_path / "log", b"up\n")
    assert ended(keeper) == 128 + 15


def test_a_service_that_ignores_term_is_killed(tmp_path: Path) -> None:
    keeper = started(tmp_path / "log", STUBBORN + LOOP, grace=0.1)
    wait_for(tmp_path / "log", b"up\n")
    assert ended(keeper) == 128 + 9


def test_term_and_last_words(tmp_path: Path) -> None:
    code = "import signal, sys\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit('bye'))\n"
    keeper = started(tmp_path / "log", code + LOOP)
    wait_for(tmp_path / "log", b"up\n")
    keeper.terminate()
    assert keeper.wait(10) == 1
    ended(keeper)
    assert (tmp_path / "log").read_text() == "up\nbye\n"


def test_a_service_that_closes_its_output_runs_on(tmp_path: Path) -> None:
    code = (
        "import os\nfor fd in (1, 2): os.close(fd)\nopen('/dev/null')\nimport time; time.sleep(9)"
    )
    keeper = started(tmp_path / "log", code)
    with pytest.raises(subprocess.TimeoutExpired):
        keeper.wait(0.3)
    assert ended(keeper) == 128 + 15


def test_a_service_that_writes_without_end_is_ended(tmp_path: Path) -> None:
    code = STUBBORN + "while True: print('more' * 100, flush=True)"
    keeper = started(tmp_path / "log", code, grace=0.1)
    wait_for(tmp_path / "log", CUT_MARK)
    assert ended(keeper) == 128 + 9
    assert (tmp_path / "log").stat().st_size < 100_000


def test_a_program_that_is_missing_is_told_in_the_log(tmp_path: Path) -> None:
    assert main([str(tmp_path / "log"), "100", "1", "no-such-program"]) == 127
    assert (tmp_path / "log").read_text() == (
        "'no-such-program' could not be started: No such file or directory\n"
    )


def test_a_log_keeps_its_end(tmp_path: Path) -> None:
    with closing(BoundedLog(tmp_path / "log", 100)) as log:
        for number in range(50):
            log.write(b"line %d\n" % number)
    kept = (tmp_path / "log").read_bytes()
    assert kept.startswith(CUT_MARK + b"line ")
    assert kept.endswith(b"line 49\n")
    assert len(kept) <= 150

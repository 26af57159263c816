"""A server is started once, and once more if it crashes; nothing of it stays."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest

from cortex_cli.engine.masking import Masker
from cortex_cli.errors import ActionError
from cortex_cli.mcp import pipes
from cortex_cli.testing import RecordingReporter
from tests.mcp.conftest import ODD, TRIALS, Connected, wait_until

pytestmark = pytest.mark.timeout(60)


async def called(connection: Any, tool: str = "t", **arguments: Any) -> Any:
    return await connection.call(tool, arguments, RecordingReporter())


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def read(path: str) -> str:
    return Path(path).read_text()


async def failure(connection: Any, tool: str = "t", **arguments: Any) -> ActionError:
    with pytest.raises(ActionError) as caught:
        await called(connection, tool, **arguments)
    return caught.value


async def test_it_starts_on_first_use_and_once_for_all(stdio: Connected, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    async with stdio() as trials:
        assert not notes.exists()
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(trials.offers)
        assert notes.read_text().count("started") == 1
    assert names_in(tmp_path) == ["cortex.lock", "notes"]


async def test_a_crash_starts_it_again_once_and_then_says_so(
    stdio: Connected, tmp_path: Path
) -> None:
    async with stdio() as trials:
        errors: list[str] = []

        async def crash() -> None:
            errors.append(str(await failure(trials, "crash", code=3)))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(crash)
            tasks.start_soon(crash)
        assert len(errors) == 2
        for error in errors:
            assert "server 'trials' ended with exit code 3 during the call of 'crash'" in error
            assert "these are the last words" in error
        log = re.search(r"its log is (\S+)", errors[0])
        assert log is not None
        assert read(log[1]).endswith("about to go\nthese are the last words\n")
        assert (await called(trials, "add", a=1, b=2)).structured == {"result": 3}
        os.kill(int((tmp_path / "notes").read_text().split()[-1]), signal.SIGKILL)
        error = await failure(trials, "slow", seconds=60)
        assert "was ended by signal SIGKILL" in str(error)
        for _ in range(2):
            error = await failure(trials, "add", a=1, b=2)
            assert "once more, after it was started again" in str(error)
            assert not error.retryable
    assert (tmp_path / "notes").read_text().count("started") == 2


async def test_one_that_does_not_start_says_why(stdio: Connected) -> None:
    async with stdio(str(ODD), "dies") as odd:
        for _ in range(2):
            error = await failure(odd)
            assert re.match(
                r"server 'trials' ended with exit code 1 before it answered: cannot find my"
                r" settings; its log is /.*/server.log",
                str(error),
            )
            assert (error.error_type, error.retryable) == ("server", False)
    async with stdio(folder=Path("/no/such/folder")) as odd:
        assert "the working folder '/no/such/folder' does not exist" in str(await failure(odd))


async def test_one_that_does_not_want_to_start_is_told_in_its_words(stdio: Connected) -> None:
    async with stdio(str(ODD), "unwilling") as odd:
        error = str(await failure(odd))
        assert error == "server 'trials' cannot be used: no licence was found"


async def test_a_program_that_there_is_not_is_named(stdio: Connected) -> None:
    async with stdio(argv=["/no/such/program"]) as odd:
        error = str(await failure(odd))
        assert "'/no/such/program' could not be started: No such file or directory" in error


async def test_one_that_never_answers_is_given_up(stdio: Connected) -> None:
    async with stdio(str(ODD), "silent", start_seconds=0.5) as odd:
        assert str(await failure(odd)) == "server 'trials' did not answer within 0.5 s"


async def test_a_listing_that_does_not_fit_is_told(stdio: Connected) -> None:
    async with stdio(str(ODD), "no-schema") as odd:
        error = str(await failure(odd))
        assert error.startswith("server 'trials' cannot be used: tools.0.inputSchema.type: Input")


async def test_the_end_of_the_run_does_not_wait_for_one_that_is_starting(
    stdio: Connected,
) -> None:
    async with stdio(str(ODD), "silent") as odd, anyio.create_task_group() as tasks:
        tasks.start_soon(failure, odd)
        await anyio.wait_all_tasks_blocked()
        with anyio.fail_after(8):
            await odd.aclose()
        error = await failure(odd)
        assert str(error) == "server 'trials' was ended with its run"


async def test_a_stubborn_one_and_what_it_started_are_ended(stdio: Connected) -> None:
    async with stdio(str(ODD), "stubborn") as odd:
        assert (await called(odd)).texts == ["ok"]
    # The fixture looks for survivors.


async def test_what_is_no_message_is_passed_over(stdio: Connected) -> None:
    async with stdio(str(ODD), "chatty") as odd:
        assert (await called(odd)).texts == ["ok"]


async def test_all_pages_of_tools_are_read(stdio: Connected) -> None:
    async with stdio(str(ODD), "pages") as odd:
        assert list(await odd.offers()) == ["t0", "t1", "t2"]


async def test_one_that_stops_talking_is_ended(stdio: Connected) -> None:
    async with stdio(str(ODD), "close") as odd:
        assert "server 'trials' stopped talking during the call of 't'" in str(await failure(odd))


async def test_a_message_without_end_is_not_kept(
    stdio: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipes, "MOST_BYTES", 1_000_000)
    async with stdio(str(ODD), "huge-line") as odd:
        assert "wrote a message of more than 0 MiB during" in str(await failure(odd))


@pytest.mark.parametrize(
    ("how", "message", "error_type"),
    [
        (["refuses", "-32602"], "not today", "parameters"),
        (["refuses", "-32601"], "not today", "not_found"),
        (["refuses", "-1"], "not today", "mcp"),
        (["nonsense"], "what tool 't' answered does not fit", "output"),
        (["bad-schema"], "the schema of tool 't' cannot be followed", "mcp"),
        (["far-schema"], "the schema of tool 't' cannot be followed", "mcp"),
    ],
)
async def test_what_the_server_refuses_or_garbles_is_an_error_of_the_call(
    stdio: Connected, how: list[str], message: str, error_type: str
) -> None:
    async with stdio(str(ODD), *how) as odd:
        error = await failure(odd)
        assert message in str(error)
        assert error.error_type == error_type
        assert "\n" not in str(error)


async def test_its_environment_is_clean(stdio: Connected, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "not for servers")
    async with stdio(env={"MINE": "yes"}) as trials:
        variables = (await called(trials, "environment")).structured
        assert variables["MINE"] == "yes"
        assert "SOME_KEY" not in variables
        assert variables["HOME"] == os.environ["HOME"]


async def test_secrets_are_not_in_its_log(stdio: Connected) -> None:
    masker = Masker(["s3cr3t-key"])
    env = {"KEY": "s3cr3t-key"}
    async with stdio(str(ODD), "says-secret", env=env, masker=lambda: masker) as odd:
        error = str(await failure(odd))
        assert "the key is ***" in error
        log = re.search(r"its log is (\S+)", error)
        assert log is not None
        assert read(log[1]) == "the key is ***\n"


KILLED = """
import sys, anyio, os
from pathlib import Path
from functools import partial
from cortex_cli.actions.stdio_server import ServerLaunch, StdioServer
from cortex_cli.mcp.connection import Connection
from cortex_cli.mcp.lock import Lock
from cortex_cli.mcp.pipes import PipedLink

async def main():
    folder = Path(sys.argv[1])
    launch = ServerLaunch(name="x", argv=[sys.executable, *sys.argv[2:]], folder=folder,
        environment={"CORTEX_TEST_MARK": os.environ["CORTEX_TEST_MARK"]}, grace_seconds=0.5)
    connection = Connection("x", PipedLink(partial(StdioServer, launch)), Lock(folder))
    await connection.offers()
    print("up", flush=True)
    await anyio.sleep_forever()
anyio.run(main)
"""


@pytest.mark.parametrize("server", [[str(TRIALS)], [str(ODD), "stubborn"]])
def test_nothing_runs_on_when_cortex_is_killed(
    tmp_path: Path, survivors: Any, server: list[str]
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path), *server],
        env={**os.environ, **survivors.env},
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    assert survivors()
    process.kill()
    process.wait()
    process.stdout.close()
    wait_until(lambda: not [one for one in survivors() if "sleep(60)" not in one])

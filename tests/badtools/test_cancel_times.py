"""A run of processes with grandchildren can be cancelled at any time: random times from a seed."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from cortex_cli.events import (
    ActionCompleted,
    AgentCancelled,
    Event,
    decode,
)
from tests.badtools.bench import Bench
from tests.cli.conftest import environment

GRACE = 5.0
AFTER_GRACE = 2.0
SLEEP = "exec sleep 1000"
DEAF = f'trap "" TERM; {SLEEP}'
TOOLS = {
    "quick": "echo $CORTEX_ACTION_ID",
    "nap": "sleep 0.2; echo $CORTEX_ACTION_ID",
    "sleeper": SLEEP,
    "parent": f"sh -c '{SLEEP}' & wait",
    "leaver": f"sh -c '{SLEEP}' & echo left",
    "daemon": f"setsid sh -c '{SLEEP}' < /dev/null > /dev/null 2>&1 & echo left",
    "patient": f"setsid sh -c '{SLEEP}' < /dev/null > /dev/null 2>&1 & sleep 1000",
    "flaky": "exit 1",
    "deaf": f"trap '' TERM; sh -c '{DEAF}' & wait",
    "deaf_daemon": f"setsid sh -c '{DEAF}' < /dev/null > /dev/null 2>&1 & sleep 1000",
}
# These take all of the grace.
DEAF_TOOLS = ["deaf", "deaf_daemon"]


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One run and its end: `signals` come `delay` seconds after its start, or its first event."""

    seed: int
    actions: dict[str, str]
    signals: list[signal.Signals]
    delay: float
    is_early: bool


def scenario(seed: int) -> Scenario:
    """What a seed stands for."""
    random = Random(seed)
    tools = [name for name in TOOLS if name not in DEAF_TOOLS]
    if random.random() < 0.2:
        tools += DEAF_TOOLS
    actions = {"longest": "target: sleeper"}
    for number in range(12):
        rest = f"target: {random.choice(tools)}, retry: {{max_attempts: 99, delay_seconds: 0.2}}"
        if number and random.random() < 0.4:
            rest += f", depends_on: [a{random.randrange(number)}]"
        actions[f"a{number}"] = rest
    is_early = random.random() < 0.2
    # Python itself has a traceback to print if it is interrupted before it runs any of cortex.
    weights = [0 if is_early else 3, 1, 1]
    [first] = random.choices([signal.SIGINT, signal.SIGTERM, signal.SIGHUP], weights)
    return Scenario(
        seed=seed,
        actions=actions,
        signals=[first] * (2 if random.random() < 0.2 else 1),
        delay=random.uniform(0, 0.6 if is_early else 1.5),
        is_early=is_early,
    )


class Cancelled:
    """A run that was cancelled as its scenario says."""

    def __init__(self, scenario: Scenario, bench: Bench) -> None:
        self.scenario = scenario
        with subprocess.Popen(
            [sys.executable, "-m", "cortex_cli", "run", "agent.yaml", "--json"],
            cwd=bench.folder,
            env=environment(bench.folder / "state"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        ) as process:
            self._cancel(process)
        self.code = process.returncode
        self.survivors = bench.survivors()

    def _cancel(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout is not None
        first = b"" if self.scenario.is_early else process.stdout.readline()
        with suppress(subprocess.TimeoutExpired):
            process.wait(self.scenario.delay)
        began = time.monotonic()
        for number in self.scenario.signals:
            process.send_signal(number)
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.1)
        try:
            rest, errors = process.communicate(timeout=GRACE + 10)
        except subprocess.TimeoutExpired:
            process.kill()
            rest, errors = process.communicate()
        self.seconds = time.monotonic() - began
        self.errors = errors.decode()
        self.events: list[Event] = [decode(line) for line in (first + rest).splitlines()]

    @property
    def is_late(self) -> bool:
        """Whether it has taken longer than it may."""
        return self.seconds > GRACE + AFTER_GRACE

    def mistakes(self) -> Iterable[str]:
        """What should not be."""
        if self.survivors:
            yield f"survivors: {self.survivors}"
        if self.errors:
            yield self.errors
        number = self.scenario.signals[0]
        # To a shell these are the same. A signal may meet a process that has not begun to run
        # anything, or that has ended all and is on its way out.
        is_obeyed = self.events and len(self.scenario.signals) == 1
        codes = {128 + number} if is_obeyed else {128 + number, -number}
        if self.code not in codes:
            yield f"exit code {self.code}, not one of {codes}"
        if is_obeyed:
            yield from self._mistakes_of_the_end()

    def _mistakes_of_the_end(self) -> Iterable[str]:
        last = self.events[-1]
        if not isinstance(last, AgentCancelled):
            yield f"the last event is {last.event_type}"
            return
        if [event.sequence for event in self.events] != list(range(1, len(self.events) + 1)):
            yield "there are gaps"
        completed = [event for event in self.events if isinstance(event, ActionCompleted)]
        if last.data.counts.completed != len(completed):
            yield f"{len(completed)} have completed, and of the last event {last.data.counts}"
        for event in completed:
            if last.data.outputs.get(event.action_id) != event.data.output:
                yield f"the output of {event.action_id} is lost: {last.data.outputs}"


def play(seed: int, folder: Path) -> Cancelled:
    """Run a scenario in a folder of its own."""
    folder.mkdir(parents=True)
    bench = Bench(folder)
    chosen = scenario(seed)
    bench.write(chosen.actions, [bench.shell(name, line) for name, line in TOOLS.items()], slots=4)
    return Cancelled(chosen, bench)


def check_scenarios(count: int, folder: Path) -> None:
    seeds = range(count)
    with ThreadPoolExecutor(4) as threads:
        ended = list(threads.map(play, seeds, (folder / str(seed) for seed in seeds)))
    late = [one.scenario.seed for one in ended if one.is_late]
    # A machine that is busy can make anything late; once more, then, with nothing beside it.
    again = [play(seed, folder / "again" / str(seed)) for seed in late]
    mistakes = [f"seed {o.scenario.seed}: {m}" for o in [*ended, *again] for m in o.mistakes()]
    mistakes += [f"seed {o.scenario.seed}: took {o.seconds:.2f} s" for o in again if o.is_late]
    assert not mistakes, "\n".join(mistakes)


@pytest.mark.no_cover
@pytest.mark.timeout(400)
def test_50_random_times_of_cancelling(tmp_path: Path) -> None:
    check_scenarios(50, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_500_random_times_of_cancelling(tmp_path: Path) -> None:
    check_scenarios(500, tmp_path)

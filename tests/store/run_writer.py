"""A process that writes a run until it is killed: `run_writer.py HOME DURABILITY [POINT TIMES]`.

It begins the run, or takes it up where it is, and prints the number of the last durable event
each time there is one. One event in ten has a large output.
"""

import os
import sys
from pathlib import Path
from threading import Event

from cortex_cli.store.run_folder import OpenRun, Writing
from cortex_cli.store.runs import RunStore
from cortex_cli.testing.events import completed, warning
from cortex_cli.testing.faults import CrashAt
from tests.store.builders import make_end, make_record

EVENTS = 200
GROUP = 3


def opened(store: RunStore) -> OpenRun:
    if store.all():
        return store.reopen("run1")
    return store.create(make_record())


def main(home: str, durability: str, point: str = "", times: str = "1") -> None:
    writing = Writing(
        durability="power" if durability == "power" else "process", fault=CrashAt(point, int(times))
    )
    is_durable = Event()

    def written(sequence: int) -> None:
        os.write(1, b"%d\n" % sequence)
        is_durable.set()

    with opened(RunStore(Path(home), wall=lambda: 1.0, writing=writing)) as run:
        run.journal.watch(lambda function: function(), written, print)
        for sequence in range(run.journal.last_sequence + 1, EVENTS + 1):
            is_large = sequence % 10 == 0
            event = completed(sequence, f"{sequence:5}" * 20_000) if is_large else warning(sequence)
            run.journal.append(event)
            if sequence % GROUP == 0:
                is_durable.wait()
                is_durable.clear()
        run.finish(make_end())


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The command line in a process that is killed at a point: `dying.py POINT TIMES ARGUMENT…`."""

import sys
from functools import partial

from cortex_cli.session import kept_run
from cortex_cli.store.run_folder import Writing
from cortex_cli.store.runs import RunStore
from cortex_cli.testing.faults import CrashAt


def main(point: str, times: str, *arguments: str) -> None:
    # The command takes the store from there when it begins.
    kept_run.RunStore = partial(RunStore, writing=Writing(fault=CrashAt(point, int(times))))
    sys.argv = ["cortex", *arguments]
    from cortex_cli.cli.app import main as command

    command()


if __name__ == "__main__":
    main(*sys.argv[1:])

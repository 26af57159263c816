"""`python -m cortex_cli`, and the entry point of the command `cortex`."""

import signal
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line and exit with one of the codes of the CLI reference."""
    # While all else is being imported there is nothing to end yet, nor to tell.
    _die_of_signals()
    from cortex_cli.cli.app import main as command

    try:
        command()
    finally:
        # And on the way out Python would only complain of what a handler raises.
        _die_of_signals()


def _die_of_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)


if __name__ == "__main__":
    main()

"""`python -m cortex_cli`, and the entry point of the command `cortex`."""

import signal
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line and exit with one of the codes of the CLI reference."""
    # Ctrl-C while all else is being imported: there is nothing to end yet, nor to tell.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from cortex_cli.cli.app import main as command

    command()


if __name__ == "__main__":
    main()

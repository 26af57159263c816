"""`python -m cortex_cli`, and the entry point of the command `cortex`."""

from cortex_cli.cli.app import main

if __name__ == "__main__":
    main()

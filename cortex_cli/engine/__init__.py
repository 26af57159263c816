"""The engine: the loop, the runner and the ports that adapters fill."""

"""cortex: plan, run and watch the work of agents."""

__version__ = "0.1.0"

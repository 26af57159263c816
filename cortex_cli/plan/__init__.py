"""Pure planning: graph, waves, references, conditions, checks, the scheduler and its simulation."""

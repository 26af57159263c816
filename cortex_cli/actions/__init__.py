"""Handlers: what performs an action of each type."""

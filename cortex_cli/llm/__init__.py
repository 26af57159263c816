"""Model clients behind the engine's port."""
